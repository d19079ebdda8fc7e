"""A person without JavaScript: signs in, reads the form's hidden fields, posts it."""

import uuid
from collections.abc import Mapping
from html.parser import HTMLParser
from time import sleep
from typing import Self

import httpx

FIELDS = {
    "n": "1",
    "model": "gpt-image-2",
    "quality": "low",
    "size": "1024x1024",
    "background": "auto",
    "output_format": "png",
}


class Hidden(HTMLParser):
    """Collects the hidden fields of a page; a name that comes twice keeps its first value."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a hidden field."""
        found = dict(attrs)
        if tag == "input" and found.get("type") == "hidden" and found.get("name"):
            self.fields.setdefault(str(found["name"]), found.get("value") or "")


class Browser:
    """One session at one address; may be used by several threads once it is signed in."""

    def __init__(self, url: str, team: str) -> None:
        self.team = team
        # The product answers from the same machine; proxies of the environment have no business between.
        self._client = httpx.Client(base_url=url, timeout=60, trust_env=False, limits=httpx.Limits(max_connections=200))
        self._shown: dict[tuple[str, ...], dict[str, str]] = {}

    def sign_in(self, email: str, password: str) -> Self:
        """Sign in through the page."""
        form = self._hidden(self._client.get("/auth/login/"))
        answer = self._client.post("/auth/login/", data={**form, "login": email, "password": password})
        assert answer.status_code == 302, answer.text
        return self

    def moved_to(self, url: str, *, team: str = "") -> "Browser":
        """Return a browser with the same cookies at another address or for another team."""
        other = Browser(url, team or self.team)
        other._client.cookies = self._client.cookies
        other._shown = {} if team else self._shown
        return other

    def submit(self, prompt: str, *, key: str = "", **fields: str | int) -> httpx.Response:
        """Press Generate once; a server that asks to come back later is asked again with the same key."""
        body = self.filled(**fields) | {"prompt": prompt, "key": key or str(uuid.uuid4())}
        answer = self._client.post(f"/t/{self.team}/generations/", data=body)
        while answer.status_code == 503 and "retry-after" in answer.headers:
            sleep(0.2)
            answer = self._client.post(f"/t/{self.team}/generations/", data=body)
        return answer

    def filled(self, **fields: str | int) -> dict[str, str]:
        """Return the whole form as the page shows it for these settings, price included."""
        asked = {name: str(value) for name, value in {**FIELDS, **fields}.items()}
        wanted = tuple(asked.values())
        if wanted not in self._shown:
            page = self._client.get(f"/t/{self.team}/studio/")
            assert page.status_code == 200, page.text
            first = self._hidden(page) | asked | {"prompt": "…"}
            self._shown[wanted] = self._hidden(self._client.post(f"/t/{self.team}/quote/", data=first)) | asked
        return dict(self._shown[wanted])

    def page(self, address: str) -> httpx.Response:
        """Read one of the team's pages."""
        return self._client.get(f"/t/{self.team}/{address}")

    def post(self, address: str, fields: Mapping[str, str]) -> httpx.Response:
        """Send a form of one of the team's pages."""
        token = self._client.cookies["atelier_csrf"]
        return self._client.post(f"/t/{self.team}/{address}", data={**fields, "csrfmiddlewaretoken": token})

    def close(self) -> None:
        """Close its connections."""
        self._client.close()

    @staticmethod
    def _hidden(answer: httpx.Response) -> dict[str, str]:
        assert answer.status_code == 200, answer.text
        return Hidden(answer.text).fields
