"""`python -m tests.emulators` serves every emulator until it is interrupted; names as arguments choose some."""

import signal
import sys
import threading
from contextlib import ExitStack

from tests.emulators.control import EmulatorControl
from tests.emulators.running import EMULATORS, running_emulator


def main() -> None:
    """Print where the emulators are and how to use them, then wait for TERM or Ctrl-C."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with ExitStack() as ends:
        running = [ends.enter_context(running_emulator(name)) for name in sys.argv[1:] or EMULATORS]
        places = sorted(place for emulator in running for place in emulator.places)
        lines = [line for emulator in running for line in _described(emulator)]
        sys.stdout.write("\n".join([*lines, f"PRIVATE_HOSTS={','.join(places)}", ""]))
        sys.stdout.flush()
        stop.wait()


def _described(emulator: EmulatorControl) -> list[str]:
    about = emulator.about
    account = [f"Account id: {about['account_id']}"] if about["account_id"] else []
    return [f"Provider: {about['name']}", f"Base URL: {emulator.base_url}", f"Key: {emulator.key}", *account]


if __name__ == "__main__":
    main()
