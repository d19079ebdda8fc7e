"""The address at which a provider may tell that a job has ended."""

from django.conf import settings
from django.urls import reverse
from django.utils.crypto import constant_time_compare, salted_hmac

from studio.providers.gateway import adapter_of
from studio.providers.models import Connection


def hook_url(connection: Connection) -> str:
    """Return it; empty where the protocol knows no webhooks, or the provider could not reach this installation."""
    if adapter_of(connection).hooks is None or not settings.IS_REACHABLE:
        return ""
    return settings.BASE_URL + reverse("generations:hook", args=[connection.pk, _secret(connection.pk)])


def is_secret(connection_id: int, secret: str) -> bool:
    """Whether the secret part of an address is the connection's, compared in constant time."""
    return constant_time_compare(_secret(connection_id), secret)


def _secret(connection_id: int) -> str:
    """The part that nobody else can know; it follows from the installation's key."""
    return salted_hmac("studio.generations.hook", str(connection_id), algorithm="sha256").hexdigest()[:40]
