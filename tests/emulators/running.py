"""Emulators by name, running in threads of this process."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.emulators.aigateway import AIgatewayEmulator
from tests.emulators.aimlapi import AimlapiEmulator
from tests.emulators.apiframe import ApiframeEmulator
from tests.emulators.cloudflare import CloudflareEmulator
from tests.emulators.control import EmulatorControl
from tests.emulators.core import Emulator
from tests.emulators.loopback import LoopbackServer
from tests.emulators.openai import OpenAIEmulator
from tests.emulators.pixapi import PixapiEmulator

EMULATORS: dict[str, type[Emulator]] = {
    emulator.name: emulator
    for emulator in (
        OpenAIEmulator,
        AIgatewayEmulator,
        PixapiEmulator,
        ApiframeEmulator,
        AimlapiEmulator,
        CloudflareEmulator,
    )
}


@contextmanager
def running_emulator(name: str = "openai") -> Iterator[EmulatorControl]:
    """Run a provider's emulator and its media host for the length of the block."""
    emulator = EMULATORS[name]()
    with LoopbackServer(emulator.media.handle) as media, LoopbackServer(emulator.handle) as server:
        emulator.media.url = media.url
        yield EmulatorControl(server.url)
