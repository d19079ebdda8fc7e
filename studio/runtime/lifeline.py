"""Ties a child process to the life of the process that started it."""

import ctypes
import os
import platform
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def tied_to_parent(signal_number: int) -> Callable[[], None] | None:
    """Return a `preexec_fn` after which the kernel sends `signal_number` to the child when this process dies.

    The kernel watches the *thread* that starts the child, so start it from the main thread. Changing the user
    clears the tie; `subprocess` changes it before it calls this. Systems other than Linux have no such signal.
    """
    if platform.system() != "Linux":
        return None
    parent = os.getpid()

    def tie() -> None:
        _ask_kernel(signal_number)
        if os.getppid() != parent:  # it died between the fork and the line above
            os._exit(1)

    return tie


def follow_parent(signal_number: int) -> None:
    """Let the kernel send `signal_number` to this process when the one that started it dies."""
    if platform.system() == "Linux":
        _ask_kernel(signal_number)


def _ask_kernel(signal_number: int) -> None:
    if _libc.prctl(_PR_SET_PDEATHSIG, signal_number, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
