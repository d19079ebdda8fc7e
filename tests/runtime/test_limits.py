"""Limits of a process, tried in a process of their own."""

import subprocess
import sys

CODE = """
import resource
from studio.runtime.limits import raise_open_files
resource.setrlimit(resource.RLIMIT_NOFILE, (256, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
raised = raise_open_files()
print(raised == resource.getrlimit(resource.RLIMIT_NOFILE)[0], raised > 256, raise_open_files() == raised)
"""


def test_raise_open_files_goes_as_far_as_the_hard_limit() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["True", "True", "True"]
