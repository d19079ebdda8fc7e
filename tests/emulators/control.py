"""The control door of a running emulator, usable from any process."""

import json
from typing import Any
from urllib.parse import urlsplit
from urllib.request import Request, urlopen


class EmulatorControl:
    """Sets, resets and questions the emulator at an address such as http://127.0.0.1:40123."""

    def __init__(self, root: str) -> None:
        self.root = root.rstrip("/")

    @property
    def base_url(self) -> str:
        """The base URL for a connection."""
        return f"{self.root}/v1"

    @property
    def place(self) -> str:
        """What PRIVATE_HOSTS has to allow."""
        return urlsplit(self.root).netloc

    def set(self, **settings: Any) -> None:
        """Change settings: latency, keys, heavy, transparent_on_2, retired_status, usage."""
        self._call("settings", settings)

    def fail(self, fault: str, *, times: int = 1, **parameters: Any) -> None:
        """Let the next `times` requests meet a fault."""
        self._call("faults", {"fault": fault, "times": times, "parameters": parameters})

    def reset(self) -> None:
        """Forget requests, faults and settings."""
        self._call("reset", {})

    def stats(self) -> dict[str, Any]:
        """Return the counters: requests, paid_requests, paid_pictures, in_flight, most_in_flight, trapped."""
        stats: dict[str, Any] = self._call("stats", None)
        return stats

    def requests(self) -> list[dict[str, Any]]:
        """Return every generation request seen, oldest first."""
        requests: list[dict[str, Any]] = self._call("requests", None)
        return requests

    def _call(self, door: str, body: dict[str, Any] | None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        with urlopen(Request(f"{self.root}/_control/{door}", data=data), timeout=30) as answer:
            return json.load(answer)
