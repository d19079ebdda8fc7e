"""Where outgoing calls may go: public https, or exactly what the operator listed.

Names are resolved once, every address of the answer is checked, and the checked address is the one connected to, so
a name that resolves differently a moment later (rebinding) changes nothing.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from ssl import SSLContext
from typing import Any

import httpcore
import httpx

from studio.providers.adapters.errors import AddressRefused

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]

_NOT_PUBLIC = [
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT; some clouds keep their metadata service here
        "127.0.0.0/8",
        "168.63.129.16/32",  # metadata service of a large cloud, at a public address
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "2001::/23",  # special uses, Teredo among them
        "2001:db8::/32",
        "2002::/16",  # 6to4 carries an IPv4 address
        "3fff::/20",
    )
]
# Of IPv6 only this is routed in public; NAT64, mapped, local and multicast addresses all lie outside.
_PUBLIC_IPV6 = ipaddress.ip_network("2000::/3")


def is_public(address: str) -> bool:
    """Whether a literal address lies in the public internet."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if ip.version == 6 and ip not in _PUBLIC_IPV6:
        return False
    return not any(ip in network for network in _NOT_PUBLIC if network.version == ip.version)


def check_url(url: str, private_hosts: Iterable[str]) -> httpx.URL:
    """Return the parsed address; raises AddressRefused unless it is https, or listed as `host:port` by the operator."""
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, ValueError) as error:
        raise AddressRefused("The address is not a URL.") from error
    if not parsed.host or parsed.scheme not in {"http", "https"}:
        raise AddressRefused("The address must begin with https://.")
    if parsed.port is not None and not 1 <= parsed.port <= 65_535:
        raise AddressRefused("The address has no such port.")
    if parsed.userinfo:
        raise AddressRefused("The address must not carry a name or password.")
    if is_listed(parsed.host, _port(parsed), private_hosts):
        return parsed
    if parsed.scheme != "https":
        raise AddressRefused("The address must begin with https://.")
    if _is_literal(parsed.host) and not is_public(parsed.host):
        raise AddressRefused("The address is private.")
    return parsed


def is_listed(host: str, port: int, private_hosts: Iterable[str]) -> bool:
    """Whether exactly this place is on the operator's list."""
    place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return place.lower() in {listed.lower() for listed in private_hosts}


def _port(url: httpx.URL) -> int:
    return url.port or (443 if url.scheme == "https" else 80)


def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def system_resolver(executor: Executor) -> Resolve:
    """Return a resolver that asks the system in threads of its own, so that slow names hold up nothing else."""

    async def resolve(host: str, port: int) -> Sequence[str]:
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(executor, _look_up, host, port)
        return list(dict.fromkeys(str(address[0]) for *_, address in found))

    return resolve


def _look_up(host: str, port: int) -> list[tuple[Any, ...]]:
    return list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))


class TooLarge(Exception):
    """The answer is larger than we take."""


@dataclass
class Wire:
    """What is known about one exchange while it runs."""

    private_hosts: frozenset[str]
    limit: int
    # Set before the first byte of the request is handed over; until then nobody can have worked for us.
    sent: bool = False
    received: int = 0
    status: int | None = None
    request_id: str = ""


class PinnedBackend(httpcore.AsyncNetworkBackend):
    """Opens connections to checked addresses only; TLS still speaks to the name."""

    def __init__(self, wire: Wire, resolve: Resolve, network: httpcore.AsyncNetworkBackend | None = None) -> None:
        self._wire = wire
        self._resolve = resolve
        self._network = network or httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  # httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first checked address that accepts."""
        failure: Exception = httpcore.ConnectError("the name has no address")
        for address in await self._checked(host, port):
            try:
                stream = await self._network.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
            else:
                return WatchedStream(stream, self._wire)
        raise failure

    async def _checked(self, host: str, port: int) -> Sequence[str]:
        try:
            addresses = [host] if _is_literal(host) else await self._resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError("the name cannot be resolved") from error
        if is_listed(host, port, self._wire.private_hosts):
            return addresses
        if not all(is_public(address) for address in addresses):
            raise AddressRefused("The name leads to a private address.")
        return addresses


class WatchedStream(httpcore.AsyncNetworkStream):
    """Notices the first byte that leaves and counts every byte that arrives."""

    def __init__(self, stream: httpcore.AsyncNetworkStream, wire: Wire) -> None:
        self._stream = stream
        self._wire = wire

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109  # httpcore's signature
        """Read, up to the limit of the whole exchange."""
        data = await self._stream.read(max_bytes, timeout)
        self._wire.received += len(data)
        if self._wire.received > self._wire.limit:
            raise TooLarge
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109  # httpcore's signature
        """Write; from here on the provider may have worked."""
        self._wire.sent = True
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        """Close the connection."""
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109  # httpcore's signature
    ) -> httpcore.AsyncNetworkStream:
        """Speak TLS; the handshake does not count as sent."""
        try:
            stream = await self._stream.start_tls(ssl_context, server_hostname, timeout)
        except BaseException:
            # Also at the deadline, where httpcore leaves the connection open.
            await self._stream.aclose()
            raise
        return WatchedStream(stream, self._wire)

    def get_extra_info(self, info: str) -> Any:
        """Pass on what the connection knows."""
        return self._stream.get_extra_info(info)
