"""Model fields that more than one room needs."""

from typing import Any

from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings
from django.db import models


def _cipher() -> MultiFernet:
    return MultiFernet([Fernet(key) for key in settings.ENCRYPTION_KEYS])


class EncryptedTextField(models.TextField):
    """Text that is encrypted at rest with the first of `ENCRYPTION_KEYS` and readable with any of them."""

    def get_prep_value(self, value: Any) -> Any:
        """Encrypt on the way to the database; blank stays blank."""
        return _cipher().encrypt(str(value).encode()).decode() if value else ""

    def from_db_value(self, value: str | None, expression: object, connection: object) -> str | None:
        """Decrypt on the way back; raises InvalidToken when no key fits."""
        return _cipher().decrypt(value.encode()).decode() if value else value
