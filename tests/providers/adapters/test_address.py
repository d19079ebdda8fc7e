import asyncio
from collections.abc import Iterable, Sequence

import httpcore
import pytest

from studio.providers.adapters.address import PinnedBackend, Wire, check_url, is_public
from studio.providers.adapters.errors import AddressRefused

PUBLIC, OTHER_PUBLIC = "93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"


@pytest.mark.parametrize("address", [PUBLIC, OTHER_PUBLIC, "1.1.1.1", "172.15.255.255", "100.128.0.1"])
def test_is_public_accepts_routed_addresses(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",  # noqa: S104  # refused here, not listened on
        "10.1.2.3",
        "100.64.0.1",
        "100.100.100.200",
        "127.0.0.1",
        "127.255.255.254",
        "168.63.129.16",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.192",
        "192.168.1.1",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:7f00:1",
        "::ffff:93.184.215.14",
        "64:ff9b::7f00:1",
        "64:ff9b:1::7f00:1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        "2002:7f00:1::",
        "2001:db8::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "ff02::1",
        "localhost",
        "",
    ],
)
def test_is_public_refuses_everything_else(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        "https://api.openai.com/v1",
        "https://api.openai.com:8443/v1",
        f"https://{PUBLIC}/v1",
        f"https://[{OTHER_PUBLIC}]/v1",
        "http://studio.lan:9000/v1",
        "https://studio.lan:9000/v1",
        "http://STUDIO.lan:9000/v1",
        "http://[::1]:9000/v1",
        "http://plain.lan/v1",
    ],
)
def test_check_url_accepts(url: str) -> None:
    listed = {"studio.lan:9000", "[::1]:9000", "plain.lan:80"}

    assert str(check_url(url, listed)).endswith("/v1")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "nonsense",
        "//host/v1",
        "https://",
        "https:///v1",
        "http://api.openai.com/v1",
        "http://studio.lan/v1",
        "http://studio.lan:9001/v1",
        "http://other.studio.lan:9000/v1",
        "https://127.0.0.1/v1",
        "https://[::1]/v1",
        "https://[::ffff:127.0.0.1]/v1",
        "https://169.254.169.254/latest/meta-data",
        "https://user:password@api.openai.com/v1",
        "http://user@studio.lan:9000/v1",
        "ftp://api.openai.com/v1",
        "file:///etc/passwd",
        "data:image/png;base64,AAAA",
        "rehearsal://studio/v1",
        "https://host:99999/v1",
        "https://host:0/v1",
        "https://ho\x00st/v1",
    ],
)
def test_check_url_refuses(url: str) -> None:
    with pytest.raises(AddressRefused):
        check_url(url, {"studio.lan:9000"})


class Names:
    """Resolves to one answer after another."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, host: str, _: int) -> Sequence[str]:
        self.asked.append(host)
        return self.answers[min(len(self.asked), len(self.answers)) - 1]


class Network(httpcore.AsyncNetworkBackend):
    """Remembers where connections went; refuses those in `dead`."""

    def __init__(self, dead: Iterable[str] = ()) -> None:
        self.dead = set(dead)
        self.connected: list[str] = []

    async def connect_tcp(self, host, *_, **__):
        self.connected.append(host)
        if host in self.dead:
            raise httpcore.ConnectError("refused")
        return httpcore.AsyncMockStream([])


def connect(names: Names, network: Network, host: str, *listed: str) -> None:
    wire = Wire(frozenset(listed), 1000)
    asyncio.run(PinnedBackend(wire, names, network).connect_tcp(host, 443))


def test_connection_goes_to_the_address_that_was_checked() -> None:
    names, network = Names([PUBLIC], ["127.0.0.1"]), Network()

    connect(names, network, "rebinding.example")

    assert (names.asked, network.connected) == (["rebinding.example"], [PUBLIC])


def test_rebound_name_is_refused_at_the_next_connection() -> None:
    names, network = Names([PUBLIC], ["127.0.0.1"]), Network()
    connect(names, network, "rebinding.example")

    with pytest.raises(AddressRefused):
        connect(names, network, "rebinding.example")

    assert network.connected == [PUBLIC]


def test_one_private_address_among_public_ones_refuses_all() -> None:
    network = Network()

    with pytest.raises(AddressRefused):
        connect(Names([PUBLIC, "10.0.0.1"]), network, "mixed.example")

    assert network.connected == []


def test_dead_address_leads_to_the_next() -> None:
    network = Network(dead=[PUBLIC])

    connect(Names([PUBLIC, OTHER_PUBLIC]), network, "two.example")

    assert network.connected == [PUBLIC, OTHER_PUBLIC]


def test_name_without_address_cannot_be_reached() -> None:
    with pytest.raises(httpcore.ConnectError):
        connect(Names([]), Network(), "nowhere.example")


def test_listed_place_may_be_private() -> None:
    network = Network()

    connect(Names(["10.0.0.1"]), network, "studio.lan", "studio.lan:443")

    assert network.connected == ["10.0.0.1"]


def test_literal_address_is_not_resolved() -> None:
    names, network = Names(["10.0.0.1"]), Network()

    connect(names, network, PUBLIC)

    assert (names.asked, network.connected) == ([], [PUBLIC])
