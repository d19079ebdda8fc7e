"""The least that storing a picture costs: read the reply, decode, hash, write, make a thumbnail, and nothing else."""

import hashlib
import io
import json
import os
import threading
import time
import zlib
from collections.abc import Sequence
from pathlib import Path

import httpx
import pybase64
from PIL import Image

from tests.crash.browser import FIELDS
from tests.emulators.control import EmulatorControl
from tests.emulators.openai import KEY

ROUNDS = 6
VARIANTS = 8


def fetch_replies(emulator: EmulatorControl) -> list[bytes]:
    """Return one reply of each picture that the emulator hands out."""
    body = {"model": FIELDS["model"], "prompt": "bare", "n": 1, "quality": "low", "size": "1024x1024"}
    with httpx.Client(trust_env=False, timeout=60) as client:
        asked = [
            client.post(
                f"{emulator.base_url}/images/generations", json=body, headers={"authorization": f"Bearer {KEY}"}
            )
            for _ in range(VARIANTS)
        ]
    return [answer.raise_for_status().content for answer in asked]


def cpu_per_picture(replies: Sequence[bytes], folder: Path) -> float:
    """Return CPU milliseconds per picture, in as many threads at once as the worker uses."""
    began = time.process_time()
    threads = [threading.Thread(target=_loop, args=(replies, folder / f"bare-{n}")) for n in range(os.cpu_count() or 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return 1000 * (time.process_time() - began) / (len(threads) * ROUNDS * len(replies))


def _loop(replies: Sequence[bytes], target: Path) -> None:
    for _ in range(ROUNDS):
        for reply in replies:
            _store(reply, target)
    target.unlink()


def _store(reply: bytes, target: Path) -> None:
    data = pybase64.b64decode(json.loads(reply)["data"][0]["b64_json"], validate=True)
    hashlib.sha256(data).hexdigest()
    zlib.crc32(data)
    _write(target, data)
    with Image.open(io.BytesIO(data)) as image:
        small = image.resize((512, 512), Image.Resampling.BICUBIC, reducing_gap=1.0)
    out = io.BytesIO()
    small.save(out, "WEBP", quality=80, method=0)
    _write(target, out.getvalue())


def _write(target: Path, data: bytes) -> None:
    with target.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
