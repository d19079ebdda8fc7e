"""From a stored connection to what the pure adapters need."""

from django.utils.crypto import salted_hmac

from studio.providers.adapters.base import Adapter, Endpoint
from studio.providers.adapters.registry import ADAPTERS
from studio.providers.models import Connection


def adapter_of(connection: Connection) -> Adapter:
    """Return the adapter that speaks the connection's protocol."""
    return ADAPTERS[connection.protocol]


def endpoint_of(connection: Connection) -> Endpoint:
    """Return where and with which secret to call."""
    return Endpoint(
        protocol=connection.protocol,
        base_url=connection.base_url,
        secret=connection.secret,
        earlier_secret=connection.earlier_secret,
        hook_secret=connection.hook_secret,
        options=connection.options,
    )


def user_reference(user_id: int) -> str:
    """Return a stable name for a person that tells the provider nothing about them."""
    return salted_hmac("studio.providers.user_reference", str(user_id)).hexdigest()[:32]
