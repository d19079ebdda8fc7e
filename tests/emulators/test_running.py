import subprocess
import sys
from urllib.parse import urlsplit

import pytest

from tests.emulators.control import EmulatorControl
from tests.emulators.core import Emulator
from tests.emulators.faults import COMMON
from tests.emulators.running import EMULATORS


def test_module_serves_all_until_it_is_told_to_stop() -> None:
    process = subprocess.Popen([sys.executable, "-m", "tests.emulators"], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        printed: list[str] = []
        while not printed or not printed[-1].startswith("PRIVATE_HOSTS="):
            printed.append(process.stdout.readline().strip())
        addresses = [line.removeprefix("Base URL: ") for line in printed if line.startswith("Base URL: ")]
        emulators = [EmulatorControl(f"http://{urlsplit(address).netloc}") for address in addresses]
        assert [emulator.about["name"] for emulator in emulators] == list(EMULATORS)
        assert [emulator.base_url for emulator in emulators] == addresses
        assert [f"Key: {emulator.key}" for emulator in emulators] == [line for line in printed if line[:4] == "Key:"]
        places = {place for emulator in emulators for place in emulator.places}
        assert set(printed[-1].removeprefix("PRIVATE_HOSTS=").split(",")) == places
        assert len(places) == 2 * len(emulators)
    finally:
        process.terminate()
        process.communicate(timeout=20)

    assert process.returncode == 0


@pytest.mark.parametrize("emulator", EMULATORS.values(), ids=EMULATORS)
def test_every_emulator_knows_the_common_refusals(emulator: type[Emulator]) -> None:
    assert set(COMMON) - set(emulator.refusals) - emulator.own_faults == set()
