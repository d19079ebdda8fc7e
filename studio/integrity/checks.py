"""Everything that must hold at every moment, and the two ways to ask for it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.db import connection, models, transaction
from django.db.models.functions import Cast

from studio.integrity.handover import HANDOVER, MEASURED, find_unmeasured_parts
from studio.integrity.invariants import MOST_NAMED, Breach, Invariant, find_breach, find_breaches
from studio.integrity.money import MONEY
from studio.integrity.ownership import OWNERSHIP
from studio.integrity.shelves import SHELVES
from studio.integrity.work import DELIVERY, GENERATIONS
from studio.providers.models import Connection

INVARIANTS: Final[tuple[Invariant, ...]] = (*MONEY, *GENERATIONS, *DELIVERY, *SHELVES, *HANDOVER, *OWNERSHIP)
_SECRETS: Final = ("secret", "earlier_secret", "hook_secret")
DECRYPTS: Final = "secrets.every_ciphertext_decrypts"


def breaches() -> list[Breach]:
    """Check everything but files in three statements, and one for each archive: quick enough to end every test with."""
    return [*find_breaches(INVARIANTS), *(breach for _, find in LOOKS if (breach := find()))]


def check_each() -> Iterator[tuple[str, Breach | None]]:
    """Check everything but files one by one, as far as the caller goes on; call it inside `snapshot()`."""
    for invariant in INVARIANTS:
        yield invariant.name, find_breach(invariant)
    for name, find in LOOKS:
        yield name, find()


@contextmanager
def snapshot() -> Iterator[None]:
    """See one moment of the database, however much is written meanwhile; locks nobody out and writes nothing."""
    with transaction.atomic(durable=True):
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


def find_unreadable_secrets() -> Breach | None:
    """Try every stored secret with the keys there are; the plain text is dropped at once."""
    cipher = MultiFernet([Fernet(key) for key in settings.ENCRYPTION_KEYS])
    columns = {f"{name}_stored": Cast(name, models.TextField()) for name in _SECRETS}
    unreadable = []
    rows = Connection.objects.annotate(**columns).order_by("pk").values_list("pk", *columns)
    for pk, *stored in rows.iterator(chunk_size=500):
        try:
            for text in filter(None, stored):
                cipher.decrypt(text.encode())
        except InvalidToken:
            unreadable.append(f"connection {pk}")
        if len(unreadable) > MOST_NAMED:
            break
    return Breach.of(DECRYPTS, unreadable) if unreadable else None


# What SQL cannot tell.
LOOKS: Final = ((DECRYPTS, find_unreadable_secrets), (MEASURED, find_unmeasured_parts))
