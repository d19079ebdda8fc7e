"""Result addresses: fetched at once and without the key, refused where they lead inside, lost where they are gone."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import httpcore
import pytest
from pytest_django.fixtures import Settings

from studio.generations.engine import engine
from tests.emulators.loopback import LoopbackServer, Request, Wire
from tests.generations.conformance.line import Ending, Line, delivered, failed

pytestmark = pytest.mark.django_db(transaction=True)

# The provider made the picture and is paid; what cannot be fetched is not charged to the team.
GONE = failed("bad_image", calls=("closed",), lost=True, paid=1)
NO_ADDRESS = failed("bad_answer", lost=True, paid=1)
PUBLIC = "93.184.215.14"

ADDRESSES: Mapping[str, Ending] = {
    "result_url": delivered(),
    "url_and_base64": delivered(),
    "url_wrong_type": delivered(),
    "url_expired": GONE,
    "url_gone status=403": GONE,
    "url_gone status=404": GONE,
    "url_gone status=410": GONE,
    "url_needs_key": GONE,
    "url_cut": GONE,
    "url_huge": GONE,
    "url_scheme scheme=data": GONE,
    "url_scheme scheme=file": GONE,
    "url_scheme scheme=ftp": GONE,
    "url_scheme scheme=relative": GONE,
    "url_points": GONE,
    "url_points to=https://169.254.169.254/latest/": GONE,
    "url_points to=https://localhost:5432/": GONE,
    "url_points to=https://[::ffff:7f00:1]/": GONE,
    "url_points to=https://user:password@media.example/": GONE,
    "url_redirect to=http://169.254.169.254/latest/": GONE,
    "url_redirect to=https://[::ffff:a9fe:a9fe]/": GONE,
    "url_redirect to=https://localhost:5432/ hops=3": GONE,
    "url_redirect hops=9": GONE,
}
_SCHEMES = [f"url_scheme scheme={scheme}" for scheme in ("data", "file", "ftp", "relative")]
DIFFERENT: Mapping[str, Mapping[str, Ending]] = {
    # The picture itself may stand where the address does.
    "cloudflare": {"url_scheme scheme=data": delivered()},
    # A job brings one picture, so one without an address brings none.
    "aigateway-jobs": dict.fromkeys(_SCHEMES, NO_ADDRESS),
}


def test_address_of_a_result_is_fetched_or_refused(line: Line) -> None:
    assert line.each(ADDRESSES) == {**ADDRESSES, **DIFFERENT.get(line.way, {})}


def test_result_that_hangs_is_given_up(line: Line, settings: Settings) -> None:
    settings.CALL_DEADLINE = 2

    assert line.make("url_hang") == GONE


@pytest.fixture
def inside() -> Iterator[tuple[LoopbackServer, list[str]]]:
    """A server of this network that nobody listed, and what it was asked."""
    asked: list[str] = []

    async def answer(request: Request, wire: Wire) -> None:
        asked.append(request.target)
        await wire.answer(200, b"a secret")

    with LoopbackServer(answer) as server:
        yield server, asked


@pytest.mark.parametrize("fault", ["url_points", "url_redirect"])
def test_neighbour_of_the_installation_is_never_asked(
    line: Line, inside: tuple[LoopbackServer, list[str]], fault: str
) -> None:
    server, asked = inside

    assert line.make(f"{fault} to={server.url}/admin") == GONE
    assert asked == []


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Where connections beyond this machine would go; none of them gets there."""
    places: list[str] = []
    connect = httpcore.AnyIOBackend.connect_tcp

    async def watched(self: httpcore.AnyIOBackend, host: str, *args: Any, **options: Any) -> Any:
        if host == "127.0.0.1":
            return await connect(self, host, *args, **options)
        places.append(host)
        raise httpcore.ConnectError("nobody is there")

    monkeypatch.setattr(httpcore.AnyIOBackend, "connect_tcp", watched)
    return places


@pytest.mark.parametrize(
    ("addresses", "reached"),
    [
        # Public at the check and private a moment later: what was checked is what is connected to.
        ([[PUBLIC], ["127.0.0.1"]], [PUBLIC]),
        ([["127.0.0.1"], [PUBLIC]], []),
        ([[PUBLIC, "10.0.0.7"]], []),
        ([["169.254.169.254"]], []),
    ],
)
def test_name_that_changes_what_it_leads_to_leads_nowhere(
    line: Line,
    inside: tuple[LoopbackServer, list[str]],
    connected: list[str],
    monkeypatch: pytest.MonkeyPatch,
    addresses: list[list[str]],
    reached: list[str],
) -> None:
    server, asked = inside
    answers = list(addresses)

    async def resolve(host: str, port: int) -> Sequence[str]:
        assert host == "rebinding.example"
        return answers.pop(0)

    monkeypatch.setattr(engine().client._client._transport, "_resolve", resolve)

    assert line.make(f"url_points to=https://rebinding.example:{server.port}/admin") == GONE
    assert connected == reached
    assert len(answers) == len(addresses) - 1
    assert asked == []
