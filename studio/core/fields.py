"""Model fields that more than one room needs."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models
from django.db.models import Value
from django.db.models.functions import Cast


class Secret(str):
    """Text that works like any other, except that `repr`, and with it tracebacks and logs of objects, hides it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'•••'"


@lru_cache(maxsize=4)
def _cipher(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])


def _encrypt(text: str) -> str:
    return _cipher(tuple(settings.ENCRYPTION_KEYS)).encrypt(text.encode()).decode()


def _decrypt(token: str, keys: Sequence[str]) -> str:
    try:
        return _cipher(tuple(keys)).decrypt(token.encode()).decode()
    except InvalidToken as error:
        raise ImproperlyConfigured(
            "A stored secret cannot be read with any of ENCRYPTION_KEYS. Put the key that it was stored with back."
        ) from error


class EncryptedTextField(models.TextField[str, str]):
    """Text that is encrypted at rest with the first of `ENCRYPTION_KEYS` and readable with any of them.

    It never appears in forms, so no page can render it, nor in fixtures; it cannot be searched by value.
    """

    def get_prep_value(self, value: Any) -> Any:
        """Encrypt on the way to the database; blank stays blank."""
        return _encrypt(str(value)) if value else value

    def from_db_value(self, value: str | None, _expression: object, _connection: object) -> Secret | None:
        """Decrypt on the way back; raises ImproperlyConfigured when no key fits."""
        if not value:
            return value if value is None else Secret()
        return Secret(_decrypt(value, settings.ENCRYPTION_KEYS))

    def get_lookup(self, lookup_name: str) -> Any:
        """Allow only the question whether there is one: every encryption of a text differs from the last."""
        return super().get_lookup(lookup_name) if lookup_name == "isnull" else None

    def formfield(self, *_args: Any, **_kwargs: Any) -> None:
        """Leave it out of every form made from the model."""
        return

    def value_to_string(self, _obj: models.Model) -> str:
        """Leave it out of fixtures."""
        return ""


def _under_first_key(token: str) -> bool:
    try:
        Fernet(settings.ENCRYPTION_KEYS[0]).decrypt(token.encode())
    except InvalidToken:
        return False
    return True


def reencrypt(model: type[models.Model], field: str) -> int:
    """Put every secret of one field under the first of `ENCRYPTION_KEYS`; return how many had to change.

    After it the other keys may be dropped. It may run while others write: a row changed meanwhile is already new.
    """
    raw = Cast(field, models.TextField())
    rows = model._default_manager.annotate(stored=raw)  # noqa: SLF001  # Django documents _default_manager
    changed = 0
    for pk, stored in rows.exclude(stored="").values_list("pk", "stored").iterator(chunk_size=500):
        if _under_first_key(stored):
            continue
        renewed = Value(_encrypt(_decrypt(stored, settings.ENCRYPTION_KEYS)), output_field=models.TextField())
        changed += rows.filter(pk=pk, stored=stored).update(**{field: renewed})
    return changed
