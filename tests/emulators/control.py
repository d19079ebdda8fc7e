"""The control door of a running emulator, usable from any process."""

import json
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit
from urllib.request import Request, urlopen


class EmulatorControl:
    """Sets, resets and questions the emulator at an address such as http://127.0.0.1:40123."""

    def __init__(self, root: str) -> None:
        self.root = root.rstrip("/")

    @cached_property
    def about(self) -> dict[str, str]:
        """What the emulator says of itself: name, key, base_path, account_id, media (`host:port`)."""
        about: dict[str, str] = self._call("about", None)
        return about

    @property
    def base_url(self) -> str:
        """The base URL for a connection."""
        return f"{self.root}{self.about['base_path']}"

    @property
    def key(self) -> str:
        """The secret for a connection."""
        return self.about["key"]

    @property
    def place(self) -> str:
        """Where the provider itself is, as PRIVATE_HOSTS wants it."""
        return urlsplit(self.root).netloc

    @property
    def places(self) -> frozenset[str]:
        """All that PRIVATE_HOSTS has to allow: the provider and its media host."""
        return frozenset({self.place, self.about["media"]})

    def set(self, **settings: Any) -> None:
        """Change settings: those of `core` and the provider's switches."""
        self._call("settings", settings)

    def fail(self, fault: str, *, times: int = 1, **parameters: Any) -> None:
        """Let the next `times` requests meet a fault; `at="poll"` and the like name another kind than the paid one."""
        self._call("faults", {"fault": fault, "times": times, "parameters": parameters})

    def reset(self) -> None:
        """Forget requests, faults, jobs, files and settings."""
        self._call("reset", {})

    def stats(self) -> dict[str, Any]:
        """Return the counters.

        requests, paid_requests, paid_pictures, in_flight, most_in_flight, trapped, queued_faults; calls by kind
        (submit, poll, list, cancel, upload, sign, models, account, unknown), by_path, fetches (at the media host),
        hooks, and what a provider counts besides (`early_polls` at AIgateway).
        """
        stats: dict[str, Any] = self._call("stats", None)
        return stats

    def requests(self) -> list[dict[str, Any]]:
        """Return every paid request seen, oldest first."""
        requests: list[dict[str, Any]] = self._call("requests", None)
        return requests

    def jobs(self) -> list[dict[str, Any]]:
        """Return every job, oldest first: id, state, polls, prompt, hook_url."""
        jobs: list[dict[str, Any]] = self._call("jobs", None)
        return jobs

    def advance(self, job: str = "", *, steps: int = 1) -> None:
        """Move one job, or all, by some states."""
        self._call("advance", {"job": job, "steps": steps})

    def hook(
        self, job: str, *, event: str = "completed", times: int = 1, at_once: bool = False, **how: Any
    ) -> list[int]:
        """Send webhooks about a job (see `hooks`); return the statuses of the answers."""
        statuses: list[int] = self._call(
            "hook", {"job": job, "event": event, "times": times, "at_once": at_once, **how}
        )
        return statuses

    def hooks(self) -> list[dict[str, Any]]:
        """Return every webhook that was sent: url, body, headers, how, status."""
        hooks: list[dict[str, Any]] = self._call("hooks", None)
        return hooks

    def fetches(self) -> list[dict[str, Any]]:
        """Return every request to the media host: path, status, headers."""
        fetches: list[dict[str, Any]] = self._call("fetches", None)
        return fetches

    def _call(self, door: str, body: dict[str, Any] | None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        with urlopen(Request(f"{self.root}/_control/{door}", data=data), timeout=60) as answer:
            return json.load(answer)
