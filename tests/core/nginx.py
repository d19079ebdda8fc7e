"""A real nginx on a port of the system's choice, with the site that the project ships."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from studio.runtime.home import ROOT
from tests.runtime.processes import free_port
from tests.serving import wait_until

_MAIN = """
daemon off;
pid {folder}/pid;
error_log {folder}/error.log;
user root;
worker_processes 1;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/site.conf;
}}
"""


def program() -> str:
    """Return the installed nginx; `make test` sees to it."""
    found = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    assert found, "The tests need nginx: apt-get install nginx-light"
    return found


@contextmanager
def nginx_before(server_port: int, *, media: Path, folder: Path, beside: str = "") -> Iterator[str]:
    """Run docker/nginx.conf in front of a server, with `media` as the folder of pictures; yields its address.

    `beside` are further servers of the same nginx.
    """
    port = free_port()
    site = (ROOT / "docker" / "nginx.conf").read_text()
    for written, ours in [
        ("listen 80;", f"listen 127.0.0.1:{port};"),
        ("http://127.0.0.1:8000", f"http://127.0.0.1:{server_port}"),
        ("/var/lib/atelier/media/", f"{media}/"),
    ]:
        assert site.count(written) == 1
        site = site.replace(written, ours)
    (folder / "site.conf").write_text(f"{site}\n{beside}")
    (folder / "nginx.conf").write_text(_MAIN.format(folder=folder))
    started = subprocess.Popen([program(), "-c", str(folder / "nginx.conf"), "-p", str(folder)])
    try:
        wait_until(lambda: _answers(port) or started.poll() is not None)
        assert started.poll() is None, (folder / "error.log").read_text()
        yield f"http://127.0.0.1:{port}"
    finally:
        started.terminate()
        started.wait(10)


def _answers(port: int) -> bool:
    try:
        httpx.get(f"http://127.0.0.1:{port}/open", trust_env=False)
    except httpx.TransportError:
        return False
    return True
