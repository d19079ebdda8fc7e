"""One Atelier as `make run` starts it, with a strict provider beside it, and its people."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from studio.runtime.home import ROOT
from tests.emulators.control import EmulatorControl
from tests.emulators.openai import KEY
from tests.runtime.processes import Atelier, clean_environment

EMAIL, PASSWORD, NAME = "maya@halden.example", "drei Farben, ein Blau", "Maya Lindqvist"
TEAM = "halden-co"
FIRST_PERSON = {
    "ATELIER_ADMIN_EMAIL": EMAIL,
    "ATELIER_ADMIN_PASSWORD": PASSWORD,
    "ATELIER_TEAM": "Halden & Co",
    "ATELIER_STARTING_CREDITS": "2418",
}
_SET_UP = "Set up Atelier at "


class Site:
    """A running installation that may call the emulator; `settings` go to all of its processes."""

    def __init__(self, home: Path, emulator: EmulatorControl, **settings: str) -> None:
        self.home = home
        self.emulator = emulator
        self._has_another = False
        self._settings = {
            "ATELIER_TESTING": "1",
            "PRIVATE_HOSTS": ",".join(emulator.places),
            "STOP_GRACE": "5",
            **settings,
        }
        self._atelier = Atelier(home, python=sys.executable, user=None, **self._settings)
        self.url = f"http://127.0.0.1:{self._atelier.port}"
        self._atelier.wait_until_ready()

    @property
    def set_up_link(self) -> str:
        """The one-time link that the console printed."""
        return next(line.removeprefix(_SET_UP) for line in self._atelier.lines if line.startswith(_SET_UP))

    def manage(self, *arguments: str) -> str:
        """Run `manage.py` beside it and return what it printed."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=clean_environment(self.home, PORT=str(self._atelier.port), EMULATOR_KEY=KEY, **self._settings),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def connect_emulator(self) -> None:
        """Give every team the emulator's models, as an operator would."""
        place = ["--shared", "--protocol=openai", f"--base-url={self.emulator.base_url}"]
        self.manage("add_connection", *place, "--secret-env=EMULATOR_KEY", "--name=OpenAI")

    def connect_another(self) -> None:
        """Give every team the same provider a second time, after the first, unless they have it."""
        if not self._has_another:
            place = ["--shared", "--protocol=openai", f"--base-url={self.emulator.base_url}"]
            self.manage("add_connection", *place, "--secret-env=EMULATOR_KEY", "--name=Another")
            self._has_another = True

    def new_team(self, name: str, *, credits: int) -> str:
        """Add a team of the first person and return its address part."""
        made: dict[str, Any] = json.loads(
            self.manage("create_team", name, f"--owner={EMAIL}", f"--credits={credits}", "--json")
        )
        return str(made["slug"])

    def audit(self) -> None:
        """Hold the installation to every invariant."""
        self.manage("audit")

    def originals(self) -> list[Path]:
        """Return the stored originals."""
        return sorted(path for path in (self.home / "media" / "originals").rglob("*") if path.is_file())

    def stop(self) -> None:
        """End every process; what they said stands below a failed test."""
        self._atelier.stop()
        print(self._atelier.output)
