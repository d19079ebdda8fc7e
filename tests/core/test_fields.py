"""Secrets at rest."""

import pytest
from cryptography.fernet import Fernet
from django.core import serializers
from django.core.exceptions import FieldError, ImproperlyConfigured
from django.db import connection
from django.forms import modelform_factory
from django.test import override_settings

from studio.core.fields import Secret, reencrypt
from studio.providers.models import Connection

pytestmark = pytest.mark.breaks_invariants  # secrets under keys that only these tests know

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


@pytest.fixture
def stored(db: None) -> Connection:
    """A connection whose secret is under the key OLD."""
    with override_settings(ENCRYPTION_KEYS=[OLD]):
        return Connection.objects.create(
            name="OpenAI", protocol="openai", base_url="https://api.example", secret="sk-1234"
        )


def _raw(pk: int) -> str:
    with connection.cursor() as cursor:
        cursor.execute("select secret from providers_connection where id = %s", [pk])
        return str(cursor.fetchone()[0])


@override_settings(ENCRYPTION_KEYS=[OLD])
def test_secret_is_readable_in_python_and_not_in_the_database(stored: Connection) -> None:
    assert Connection.objects.get().secret == "sk-1234"
    assert "sk-1234" not in _raw(stored.pk)
    assert Fernet(OLD).decrypt(_raw(stored.pk)) == b"sk-1234"


@override_settings(ENCRYPTION_KEYS=[OLD])
def test_secret_is_hidden_wherever_objects_are_described(stored: Connection) -> None:
    secret = Connection.objects.get().secret
    assert repr(secret) == repr(Secret("other")) == "'•••'"
    assert f"{secret}" == "sk-1234"
    assert "sk-1234" not in serializers.serialize("json", Connection.objects.all())
    assert "secret" not in modelform_factory(Connection, fields="__all__")().fields


def test_blank_stays_blank(db: None) -> None:
    blank = Connection.objects.create(name="R", protocol="rehearsal", base_url="rehearsal://", secret="")
    assert _raw(blank.pk) == ""
    assert Connection.objects.get().secret == ""


@override_settings(ENCRYPTION_KEYS=[NEW, OLD])
def test_older_key_still_reads(stored: Connection) -> None:
    assert Connection.objects.get().secret == "sk-1234"


@override_settings(ENCRYPTION_KEYS=[NEW])
def test_missing_key_is_named(stored: Connection) -> None:
    with pytest.raises(ImproperlyConfigured, match="ENCRYPTION_KEYS"):
        Connection.objects.get()


@override_settings(ENCRYPTION_KEYS=[NEW, OLD])
def test_rotation_moves_everything_to_the_first_key_once(stored: Connection) -> None:
    Connection.objects.create(name="R", protocol="rehearsal", base_url="rehearsal://", secret="")
    assert reencrypt(Connection, "secret") == 1
    assert Fernet(NEW).decrypt(_raw(stored.pk)) == b"sk-1234"
    before = _raw(stored.pk)
    assert reencrypt(Connection, "secret") == 0
    assert _raw(stored.pk) == before


@override_settings(ENCRYPTION_KEYS=[OLD])
def test_secret_cannot_be_searched_by_value(stored: Connection) -> None:
    with pytest.raises(FieldError):
        Connection.objects.filter(secret="sk-1234").exists()
    assert Connection.objects.filter(secret__isnull=False).count() == 1
