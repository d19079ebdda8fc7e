"""Asks a running web process whether it and its database answer."""

import http.client
from urllib.parse import urlsplit

_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # compared with, not bound


def is_healthy(host: str, port: int, base_url: str) -> bool:
    """Tell whether `/healthz` answers 200 on this machine; it is asked by the name in `base_url`, the one allowed."""
    connection = http.client.HTTPConnection(_ANYWHERE.get(host, host), port, timeout=5)
    try:
        connection.request("GET", "/healthz", headers={"Host": urlsplit(base_url).netloc})
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):  # it does not run, or not yet
        return False
    finally:
        connection.close()
