"""The one-time link of the first run."""

from django.db import models


class SetupLink(models.Model):
    """A link that sets the installation up; only a keyed hash of its token is stored. There is at most one."""

    token_hash = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"set-up link of {self.created_at:%Y-%m-%d %H:%M}"
