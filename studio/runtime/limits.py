"""What the operating system lets one process have."""

import resource

# Every call in flight and every open page is a file; the usual soft limit of 1,024 is for programs of another age.
WANTED_FILES = 65_536


def raise_open_files() -> int:
    """Raise this process's limit of open files as far as it may go by itself; return the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = WANTED_FILES if hard == resource.RLIM_INFINITY else min(WANTED_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        return most
    return soft
