"""Tokens of invitations: a visible beginning for people and a keyed hash for the database."""

import secrets
from typing import NamedTuple

from django.utils.crypto import salted_hmac

_PREFIX_LENGTH = 8


class NewToken(NamedTuple):
    """A token at the only moment when it is known whole."""

    token: str
    prefix: str
    hash: str


def new_token() -> NewToken:
    """Make a token nobody can guess."""
    token = secrets.token_urlsafe(32)
    return NewToken(token, token[:_PREFIX_LENGTH], hash_of(token))


def hash_of(token: str) -> str:
    """Return the hash that is stored; keyed with the installation's secret, so a stolen table opens nothing."""
    return salted_hmac("studio.teams.invitation", token, algorithm="sha256").hexdigest()
