"""The only list of adapters."""

from collections.abc import Mapping, Sequence

from studio.providers.adapters.aigateway import AIgatewayAdapter
from studio.providers.adapters.aimlapi import AimlapiAdapter
from studio.providers.adapters.apiframe import ApiframeAdapter
from studio.providers.adapters.base import Adapter
from studio.providers.adapters.cloudflare import CloudflareAdapter
from studio.providers.adapters.openai import OpenAIAdapter
from studio.providers.adapters.pixapi import PixapiAdapter
from studio.providers.adapters.rehearsal import RehearsalAdapter

_ALL: Sequence[Adapter] = (
    OpenAIAdapter(),
    AIgatewayAdapter(),
    PixapiAdapter(),
    ApiframeAdapter(),
    AimlapiAdapter(),
    CloudflareAdapter(),
    RehearsalAdapter(),
)
ADAPTERS: Mapping[str, Adapter] = {adapter.protocol: adapter for adapter in _ALL}
