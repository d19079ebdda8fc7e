"""Certificates are always verified, against the name and not against the pinned address."""

import ssl
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from studio.providers.adapters.errors import Unreachable
from tests.emulators.loopback import LoopbackServer, Request, Wire
from tests.providers.adapters.door import post, send

NOW = datetime.now(UTC)
DAY = timedelta(days=1)


class Authority:
    """A certificate authority of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority")])
        self._certificate = self._sign(self._name, self._key, NOW + DAY, x509.BasicConstraints(ca=True, path_length=0))

    def client_context(self) -> ssl.SSLContext:
        """Return a context that trusts this authority alone."""
        pem = self._certificate.public_bytes(serialization.Encoding.PEM).decode()
        return ssl.create_default_context(cadata=pem)

    def server_context(self, host: str, *, until: datetime = NOW + DAY) -> ssl.SSLContext:
        """Return a context with a certificate for a host."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        certificate = self._sign(subject, key, until, x509.SubjectAlternativeName([x509.DNSName(host)]))
        path = self._folder / "server.pem"
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context

    def _sign(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, until: datetime, extension: x509.ExtensionType
    ) -> x509.Certificate:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - 10 * DAY)
            .not_valid_after(until)
            .add_extension(extension, critical=False)
            .sign(self._key, hashes.SHA256())
        )


async def here(*_: object) -> Sequence[str]:
    return ["127.0.0.1"]


async def answer(_: Request, wire: Wire) -> None:
    await wire.answer(200, b"{}")


def call(context: ssl.SSLContext, trusted: ssl.SSLContext | None, spool: Path) -> int:
    client = {"resolve": here} | ({"ssl_context": trusted} if trusted else {})
    with LoopbackServer(answer, ssl_context=context) as server:
        place = f"provider.test:{server.port}"
        return send(post(f"https://{place}/v1"), spool, private_hosts=frozenset({place}), client=client).status


def test_right_certificate_is_accepted_at_a_pinned_address(tmp_path: Path, spool: Path) -> None:
    authority = Authority(tmp_path)

    assert call(authority.server_context("provider.test"), authority.client_context(), spool) == 200


@pytest.mark.parametrize("case", ["other name", "expired", "unknown authority"])
def test_wrong_certificate_ends_before_anything_is_sent(tmp_path: Path, spool: Path, case: str) -> None:
    authority = Authority(tmp_path)
    context = authority.server_context(
        "other.test" if case == "other name" else "provider.test", until=NOW - DAY if case == "expired" else NOW + DAY
    )

    with pytest.raises(Unreachable) as caught:
        call(context, None if case == "unknown authority" else authority.client_context(), spool)

    assert (caught.value.sent, caught.value.retryable) == (False, True)
