"""Webhooks of emulators, sent over real loopback HTTP: right ones by themselves, wrong ones through the control door.

Settings: `hooks` ("send" or "lose"), `hook_tries` and `hook_retry_seconds` (a delivery without a 2xx is repeated).
`EmulatorControl.hook(job, event=…, how=…, times=…, at_once=…, url=…, patch=…, raw=…, content_type=…)` sends one now:
`right`; `unsigned`; `wrong_secret`; `empty_secret`; `other_secret secret=…`; `reserialised` (signed over the same JSON
written differently); `old` and `future` (six minutes away); `no_timestamp`; `replay` (the last delivery again, byte by
byte). `patch` replaces top-level fields (say, another job id) before signing; `raw` replaces the whole body.
"""

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

# Given raw body, secret and the moment (none: without a timestamp), return the signature's headers.
Signer = Callable[[bytes, str, int | None], Mapping[str, str]]


@dataclass(frozen=True)
class Delivery:
    """One request that was sent; status 0 means that nobody answered."""

    url: str
    body: bytes
    headers: Mapping[str, str]
    how: str = "right"
    status: int = 0


class Hooks:
    """What an emulator sent to whom."""

    def __init__(self, sign: Signer) -> None:
        self._sign = sign
        self.forget()

    def forget(self) -> None:
        """Drop what was sent."""
        self.deliveries: list[Delivery] = []

    async def send(self, url: str, document: Any, secret: str, /, **wanted: Any) -> int:
        """Sign and send one webhook in the way of `how`; return the status of the answer."""
        how = str(wanted.get("how", "right"))
        if how == "replay":
            last = self.deliveries[-1]
            return await self._post(last.url, last.body, last.headers, how)
        raw = self._body(document, wanted)
        headers = {"content-type": str(wanted.get("content_type", "application/json")), **wanted.get("headers", {})}
        return await self._post(url, raw, headers | self._signature(raw, secret, how, wanted), how)

    def _body(self, document: Any, wanted: Mapping[str, Any]) -> bytes:
        if "raw" in wanted:
            return str(wanted["raw"]).encode()
        return json.dumps(document | wanted.get("patch", {})).encode()

    def _signature(self, raw: bytes, secret: str, how: str, wanted: Mapping[str, Any]) -> dict[str, str]:
        now = int(time.time())
        if how == "unsigned":
            return {}
        if how == "reserialised":
            raw = json.dumps(json.loads(raw), separators=(",", ":"), sort_keys=True).encode()
        secrets = {"wrong_secret": "whsec_forged", "empty_secret": "", "other_secret": str(wanted.get("secret", ""))}
        moments = {"old": now - 360, "future": now + 360, "no_timestamp": None}
        return dict(self._sign(raw, secrets.get(how, secret), moments.get(how, now)))

    async def _post(self, url: str, body: bytes, headers: Mapping[str, str], how: str) -> int:
        status = await asyncio.to_thread(_posted, url, body, dict(headers))
        self.deliveries.append(Delivery(url, body, headers, how, status))
        return status


def _posted(url: str, body: bytes, headers: dict[str, str]) -> int:
    try:
        with urlopen(Request(url, body, headers, method="POST"), timeout=15) as answer:
            return int(answer.status)
    except HTTPError as error:
        with error:
            return error.code
    except (URLError, ConnectionError, TimeoutError):
        return 0
