"""`python -m tests.emulators` serves the OpenAI emulator until it is interrupted."""

import signal
import sys
import threading

from tests.emulators.faults import NAMES
from tests.emulators.openai import KEY, running_emulator


def main() -> None:
    """Print where the emulator is and how to use it, then wait for TERM or Ctrl-C."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with running_emulator() as emulator:
        sys.stdout.write(f"Base URL: {emulator.base_url}\nPRIVATE_HOSTS={emulator.place}\nKey: {KEY}\n")
        sys.stdout.write(f"Faults, as [fault:NAME key=value] in a prompt: {', '.join(NAMES)}\n")
        sys.stdout.flush()
        stop.wait()


if __name__ == "__main__":
    main()
