"""What the runtime tells the person at the console."""

import sys


def say(text: str) -> None:
    """Print a line at once, also into a pipe."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def complain(text: str) -> None:
    """Print an error line."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
