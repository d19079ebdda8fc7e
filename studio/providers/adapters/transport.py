"""The one guarded door through which provider calls leave.

A total deadline over everything, caps on wire and on unpacked bytes, checked and pinned addresses, no redirects on
paid calls, no cookies, no proxies from the environment, answers straight to disk.

Every exchange has a connection of its own: a provider may close an idle connection at the moment we reuse it, and
then nobody can say whether a paid request arrived. A handshake is nothing beside a call of seconds.
"""

import asyncio
import os
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import httpcore
import httpx

from studio.providers.adapters.address import PinnedBackend, Resolve, TooLarge, Wire, check_url, system_resolver
from studio.providers.adapters.base import Answer, HttpRequest
from studio.providers.adapters.errors import BadAnswer, NotReady, OutcomeUnknown, ProviderError, Unreachable
from studio.providers.adapters.rehearsal import SCHEME, RehearsalTransport
from studio.providers.adapters.spool import Body, Garbled, Memory, Spool
from studio.providers.adapters.text import clean_message

T = TypeVar("T")

MEBIBYTE = 1024 * 1024
LIMIT = 96 * MEBIBYTE
# Gathered in memory before a thread writes it: large enough to make threads cheap, small enough times 500 calls.
BATCH = 256 * 1024
# Jobs, checks and uploads are answered with a few hundred bytes; a list of a hundred jobs with some hundred thousand.
SMALL = MEBIBYTE
MAX_REDIRECTS = 3
CONNECT_SECONDS = 10.0
_LINE_ERRORS = (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError, httpx.TransportError, OSError)
_STORAGE = "The server could not store the answer. Tell the person who runs it."

OnSent = Callable[[], Awaitable[None]]
OnData = Callable[[bytes], None]


class StorageFailed(Exception):
    """The spool could not be written; never mistaken for a broken line."""


class GuardedTransport(httpx.AsyncBaseTransport):
    """Carries each request over a fresh, pinned connection."""

    def __init__(self, resolve: Resolve, ssl_context: ssl.SSLContext) -> None:
        self._resolve = resolve
        self._ssl = ssl_context

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Connect, send, and return the answer with its body still on the wire."""
        url = httpcore.URL(
            scheme=request.url.raw_scheme,
            host=request.url.raw_host,
            port=request.url.port,
            target=request.url.raw_path,
        )
        connection = httpcore.AsyncHTTPConnection(
            url.origin,
            ssl_context=self._ssl,
            network_backend=PinnedBackend(request.extensions["wire"], self._resolve),
        )
        try:
            answer = await connection.handle_async_request(
                httpcore.Request(
                    request.method,
                    url,
                    headers=request.headers.raw,
                    content=request.stream,
                    extensions=request.extensions,
                )
            )
        except BaseException:
            await connection.aclose()
            raise
        return httpx.Response(answer.status, headers=answer.headers, stream=_Reply(answer, connection))


class _Reply(httpx.AsyncByteStream):
    def __init__(self, answer: httpcore.Response, connection: httpcore.AsyncHTTPConnection) -> None:
        self._answer = answer
        self._connection = connection

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._answer.aiter_stream():
            yield chunk

    async def aclose(self) -> None:
        await self._answer.aclose()
        await self._connection.aclose()


class ProviderClient:
    """One per process and event loop; any number of calls at once.

    `resolve` and `ssl_context` are seams for tests; without them the system resolves and certificates are verified
    against the usual authorities.
    """

    def __init__(
        self,
        *,
        resolve: Resolve | None = None,
        ssl_context: ssl.SSLContext | None = None,
        wire_limit: int = LIMIT,
        body_limit: int = LIMIT,
    ) -> None:
        self._wire_limit = wire_limit
        self._body_limit = body_limit
        self._disk = ThreadPoolExecutor(max(4, os.cpu_count() or 1), thread_name_prefix="spool")
        self._names = ThreadPoolExecutor(8, thread_name_prefix="names")
        guarded = GuardedTransport(
            resolve or system_resolver(self._names), ssl_context or httpx.create_ssl_context(trust_env=False)
        )
        self._client = httpx.AsyncClient(
            transport=guarded,
            mounts={f"{SCHEME}://": RehearsalTransport()},
            headers={"user-agent": "Atelier", "accept-encoding": "identity", "connection": "close"},
            # A jar that takes nothing: no cookie of one team's call may appear in another's.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            # One dead address must leave time for the next; everything else ends at the call's own deadline.
            timeout=httpx.Timeout(None, connect=CONNECT_SECONDS),
            trust_env=False,
            follow_redirects=False,
        )

    async def aclose(self) -> None:
        """Close; running calls should have ended."""
        await self._client.aclose()
        self._disk.shutdown(wait=False)
        self._names.shutdown(wait=False)

    async def send(
        self,
        request: HttpRequest,
        *,
        deadline: float,
        spool: Path,
        private_hosts: frozenset[str],
        on_sent: OnSent | None = None,
        on_data: OnData | None = None,
    ) -> Answer:
        """Make one API call within `deadline` seconds and return its answer, whatever its status.

        `on_sent` is awaited once, right after the last byte of the request left; never when the provider hangs up
        before that. `on_data` sees every piece of a good answer as it arrives and must not block. Raises NotReady,
        Unreachable, OutcomeUnknown or BadAnswer, and leaves no file then.
        """
        body = Spool(spool, self._body_limit)
        wire = Wire(private_hosts, self._wire_limit)
        return await self._call(request, body, wire, deadline, on_sent=on_sent, on_data=on_data)

    async def ask(self, request: HttpRequest, *, deadline: float, private_hosts: frozenset[str]) -> Answer:
        """Make a call whose answer is small and costs nothing to lose; raises what `send` raises."""
        return await self._call(request, Memory(SMALL), Wire(private_hosts, SMALL), deadline)

    async def _call(
        self,
        request: HttpRequest,
        body: Spool | Memory,
        wire: Wire,
        deadline: float,
        *,
        on_sent: OnSent | None = None,
        on_data: OnData | None = None,
    ) -> Answer:
        headers = {"accept": "application/json", **request.headers}
        if request.content_type:
            headers["content-type"] = request.content_type
        async with _failures_named(wire, deadline):
            if not request.url.startswith(f"{SCHEME}://"):
                check_url(request.url, wire.private_hosts)
            built = await self._build_call(request, wire, headers, on_sent)
            return await self._exchange(built, wire, body, request.secret, on_data=on_data)

    async def _build_call(
        self, request: HttpRequest, wire: Wire, headers: dict[str, str], on_sent: OnSent | None
    ) -> httpx.Request:
        content: bytes | AsyncIterator[bytes]
        if isinstance(request.body, bytes):
            content = request.body
        else:
            size = 0
            for part in request.body:
                size += len(part) if isinstance(part, bytes) else await self._size_of(part)
            headers["content-length"] = str(size)
            content = self._pieces(request.body)
        return self._build(request.method, request.url, wire, headers, content=content, on_sent=on_sent)

    async def _size_of(self, path: Path) -> int:
        return (await self._on_disk(path.stat)).st_size

    async def _pieces(self, parts: Sequence[bytes | Path]) -> AsyncIterator[bytes]:
        """Read the parts from disk piece by piece, so that large pictures cost no memory."""
        for part in parts:
            if isinstance(part, bytes):
                yield part
                continue
            file = await self._on_disk(_opened, part)
            try:
                while piece := await self._on_disk(file.read, BATCH):
                    yield piece
            finally:
                await self._on_disk(file.close)

    async def fetch(self, url: str, *, deadline: float, spool: Path, private_hosts: frozenset[str]) -> Answer:
        """Get a result from an address that a provider named; the provider's key is never sent along.

        Follows up to three redirects and checks every hop. The paid call is over by now, so every failure is
        BadAnswer or OutcomeUnknown.
        """
        wire = Wire(private_hosts, self._wire_limit)
        try:
            async with _failures_named(wire, deadline):
                return await self._follow(url, wire, spool)
        except (NotReady, Unreachable) as error:
            raise BadAnswer(f"The result cannot be fetched: {error}") from error

    async def _follow(self, url: str, wire: Wire, spool: Path) -> Answer:
        for _ in range(1 + MAX_REDIRECTS):
            address = check_url(url, wire.private_hosts)
            body = Spool(spool, self._body_limit)
            answer = await self._exchange(self._build("GET", url, wire, {"accept": "image/*"}), wire, body, "")
            location = answer.headers.get("location")
            if answer.status == 200:
                return answer
            await self._on_disk(spool.unlink)
            if answer.status not in {301, 302, 303, 307, 308} or not location:
                raise BadAnswer(f"The result’s address answered {answer.status}.", status=answer.status)
            url = _joined(address, location)
        raise BadAnswer("The result’s address redirects too often.")

    def _build(
        self,
        method: str,
        url: str,
        wire: Wire,
        headers: dict[str, str],
        *,
        content: bytes | AsyncIterator[bytes] | None = None,
        on_sent: OnSent | None = None,
    ) -> httpx.Request:
        extensions: dict[str, Any] = {"wire": wire}
        if on_sent:

            async def trace(event: str, _: object) -> None:
                if event == "http11.send_request_body.complete":
                    await on_sent()

            extensions["trace"] = trace
        return self._client.build_request(method, url, headers=headers, content=content, extensions=extensions)

    async def _exchange(
        self, request: httpx.Request, wire: Wire, body: Spool | Memory, secret: str, *, on_data: OnData | None = None
    ) -> Answer:
        began = time.monotonic()
        try:
            await self._on_disk(body.prepare)
            response = await self._client.send(request, stream=True)
            try:
                wire.status = response.status_code
                wire.request_id = clean_message(response.headers.get("x-request-id", ""), secret=secret, limit=100)
                await self._receive(response, wire, body, on_data if response.is_success else None)
            finally:
                await response.aclose()
            await self._on_disk(body.finish)
        except BaseException:
            # Also when cancelled: the shield lets the clean-up end even if the caller cannot wait for it.
            await asyncio.shield(self._on_disk(body.discard))
            raise
        elapsed_ms = round(1000 * (time.monotonic() - began))
        headers = dict(response.headers)
        return Answer(response.status_code, headers, body.content(), body.size, elapsed_ms, secret)

    async def _receive(self, response: httpx.Response, wire: Wire, body: Body, on_data: OnData | None) -> None:
        if int(response.headers.get("content-length", 0)) > wire.limit:
            raise TooLarge
        body.expect(response.headers.get("content-encoding", "").strip().lower())
        batch: list[bytes] = []
        gathered = 0
        async for chunk in response.aiter_raw():
            batch.append(chunk)
            gathered += len(chunk)
            if on_data:
                on_data(chunk)
            if gathered >= BATCH:
                await self._on_disk(body.write, batch)
                batch, gathered = [], 0
        await self._on_disk(body.write, batch)

    async def _on_disk(self, work: Callable[..., T], *arguments: object) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._disk, work, *arguments)
        except OSError as error:
            # Teams read it, and paths of the server are not for them.
            raise StorageFailed(error.strerror or type(error).__name__) from error


def _opened(path: Path) -> BinaryIO:
    return path.open("rb")


@asynccontextmanager
async def _failures_named(wire: Wire, deadline: float) -> AsyncIterator[None]:
    """Run the block within the deadline and turn what goes wrong into the provider error it is."""
    try:
        async with asyncio.timeout(deadline):
            yield
    except (TooLarge, Garbled) as error:
        reason = str(error) or "the answer is larger than allowed"
        raise BadAnswer(f"Unusable answer: {reason}.", status=wire.status, request_id=wire.request_id) from error
    except StorageFailed as error:
        raise _broken(
            wire, f"The spool cannot be written: {error}.", unsent=NotReady, designer_message=_STORAGE
        ) from error
    except TimeoutError as error:
        raise _broken(wire, f"No whole answer within {deadline:g} seconds.") from error
    except _LINE_ERRORS as error:
        raise _broken(wire, f"The connection failed: {type(error).__name__}.") from error


def _broken(
    wire: Wire, message: str, *, unsent: type[ProviderError] = Unreachable, designer_message: str = ""
) -> ProviderError:
    if wire.sent:
        return OutcomeUnknown(
            message, status=wire.status, request_id=wire.request_id, designer_message=designer_message
        )
    return unsent(message, designer_message=designer_message)


def _joined(address: httpx.URL, location: str) -> str:
    try:
        return str(address.join(location))
    except (httpx.InvalidURL, ValueError) as error:
        raise BadAnswer("The result’s address redirects to no URL.") from error
