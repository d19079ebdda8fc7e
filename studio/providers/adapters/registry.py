"""The only list of adapters."""

from collections.abc import Mapping

from studio.providers.adapters.aimlapi import AimlapiAdapter
from studio.providers.adapters.base import Adapter
from studio.providers.adapters.cloudflare import CloudflareAdapter
from studio.providers.adapters.openai import OpenAIAdapter
from studio.providers.adapters.rehearsal import RehearsalAdapter

ADAPTERS: Mapping[str, Adapter] = {
    adapter.protocol: adapter
    for adapter in (OpenAIAdapter(), AimlapiAdapter(), CloudflareAdapter(), RehearsalAdapter())
}
