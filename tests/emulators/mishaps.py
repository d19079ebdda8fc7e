"""Answers that go wrong on the wire: resets, cuts, floods, and texts that are no answer."""

import asyncio
import gzip
import itertools
import json
import struct
import zlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import cache

from tests.emulators.faults import DOCUMENTS, ITEMS, PICTURES, SPELLINGS, TEXTS, Fault
from tests.emulators.loopback import Wire


@dataclass(frozen=True)
class Call:
    """One right answer on its way to going wrong."""

    fault: Fault
    status: int
    body: bytes
    headers: Mapping[str, str]
    base_url: str
    path: str


async def misbehave(call: Call, wire: Wire) -> int:
    """Answer as the fault says; return the status that was sent, or 0."""
    name = call.fault.name
    if name in TEXTS:
        return await _send(call, wire, call.status, TEXTS[name](call.body.decode()).encode())
    if name not in WIRES:
        return await _send(call, wire, 400, json.dumps({"error": f"this emulator knows no fault {name}"}).encode())
    return await WIRES[name](call, wire)


async def _send(call: Call, wire: Wire, status: int, body: bytes, **headers: str) -> int:
    every = {"content-type": "application/json", **call.headers, "content-length": str(len(body))}
    await wire.head(status, every | {name.replace("_", "-"): value for name, value in headers.items()})
    await wire.write(body)
    return status


# Wires: bytes that no web framework would send.
async def _no_content(call: Call, wire: Wire) -> int:
    await wire.head(204, call.headers)
    return 204


async def _moved(call: Call, wire: Wire) -> int:
    return await _send(call, wire, 301, b"", location=f"{call.base_url}{call.path}/")


async def _redirect_private(call: Call, wire: Wire) -> int:
    target = call.fault.parameters.get("to", f"{call.base_url}/_trap")
    return await _send(call, wire, 302, b"", location=target)


async def _hang(call: Call, wire: Wire) -> int:
    await asyncio.sleep(call.fault.number("seconds", 3600))
    return 0


async def _reset_before(call: Call, wire: Wire) -> int:
    wire.reset()
    return 0


async def _half(call: Call, wire: Wire) -> None:
    body = call.body
    await wire.head(call.status, {"content-type": "application/json", **call.headers, "content-length": str(len(body))})
    await wire.write(body[: len(body) // 2])


async def _reset_body(call: Call, wire: Wire) -> int:
    await _half(call, wire)
    # Let the first half reach the client, so that the reset falls into the middle of its reading.
    await asyncio.sleep(0.05)
    wire.reset()
    return call.status


async def _cut_body(call: Call, wire: Wire) -> int:
    await _half(call, wire)
    return call.status


async def _chunked(call: Call, wire: Wire, *, closing: bytes) -> int:
    body = call.body
    await wire.head(call.status, {"content-type": "application/json", **call.headers, "transfer-encoding": "chunked"})
    for start in range(0, len(body), 65_536):
        piece = body[start : start + 65_536]
        await wire.write(b"%x\r\n" % len(piece) + piece + b"\r\n")
    await wire.write(closing)
    return call.status


async def _chunked_cut(call: Call, wire: Wire) -> int:
    return await _chunked(call, wire, closing=b"")


async def _chunked_whole(call: Call, wire: Wire) -> int:
    return await _chunked(call, wire, closing=b"0\r\n\r\n")


async def _drip(call: Call, wire: Wire) -> int:
    await wire.head(call.status, {"content-type": "application/json", **call.headers, "content-length": "1000000"})
    for _ in itertools.count():
        await wire.write(b" ")
        await asyncio.sleep(call.fault.number("every", 0.05))
    return call.status


async def _huge(call: Call, wire: Wire) -> int:
    megabytes = int(call.fault.number("megabytes", 200))
    length = {} if "chunked" in call.fault.parameters else {"content-length": str(megabytes * 1_000_000 + 16)}
    await wire.head(call.status, {"content-type": "application/json", **call.headers, **length})
    await wire.write(b'{"data": [], "x":')
    for _ in range(megabytes):
        await wire.write(b" " * 1_000_000)
    return call.status


async def _gzip_bomb(call: Call, wire: Wire) -> int:
    megabytes = int(call.fault.number("megabytes", 1000))
    return await _send(call, wire, call.status, _packed_blanks(megabytes), content_encoding="gzip")


@cache
def _packed_blanks(megabytes: int) -> bytes:
    # A fully flushed block stands for itself, so one is packed and repeated: a waiting client has a deadline.
    packer = zlib.compressobj(6, wbits=-zlib.MAX_WBITS)
    blanks = b" " * 1_000_000
    block = packer.compress(blanks) + packer.flush(zlib.Z_FULL_FLUSH)
    checksum = 0
    for _ in range(megabytes):
        checksum = zlib.crc32(blanks, checksum)
    head = b"\x1f\x8b\x08" + b"\x00" * 6 + b"\xff"
    return head + block * megabytes + packer.flush() + struct.pack("<II", checksum, megabytes * len(blanks))


async def _gzipped(call: Call, wire: Wire) -> int:
    return await _send(call, wire, call.status, gzip.compress(call.body, 1), content_encoding="gzip")


async def _strange_encoding(call: Call, wire: Wire) -> int:
    return await _send(call, wire, call.status, b"\x00\x01\x02", content_encoding="zstd")


async def _big_header(call: Call, wire: Wire) -> int:
    return await _send(call, wire, call.status, b"{}", x_filler="a" * 1_000_000)


async def _cookies(call: Call, wire: Wire) -> int:
    return await _send(call, wire, call.status, call.body, set_cookie="session=stolen; Path=/")


async def _not_http(call: Call, wire: Wire) -> int:
    await wire.write(b"SSH-2.0-OpenSSH_9.2\r\n")
    return 0


WIRES: Mapping[str, Callable[[Call, Wire], Awaitable[int]]] = {
    "no_content": _no_content,
    "moved": _moved,
    "redirect_private": _redirect_private,
    "hang": _hang,
    "reset_before": _reset_before,
    "reset_body": _reset_body,
    "cut_body": _cut_body,
    "chunked": _chunked_whole,
    "chunked_cut": _chunked_cut,
    "drip": _drip,
    "huge": _huge,
    "gzip_bomb": _gzip_bomb,
    "gzipped": _gzipped,
    "strange_encoding": _strange_encoding,
    "big_header": _big_header,
    "cookies": _cookies,
    "not_http": _not_http,
}

# What every emulator knows besides refusals and the faults of result addresses and of jobs.
NAMES = tuple(sorted({*PICTURES, *SPELLINGS, *ITEMS, *DOCUMENTS, *TEXTS, *WIRES}))
