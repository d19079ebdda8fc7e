"""Where pictures are kept, as the environment says it; a bad or half given store stops the start and is named."""

import subprocess
import sys
from pathlib import Path

import environ
import pytest
from django.core.exceptions import ImproperlyConfigured
from environ.fileaware_mapping import FileAwareMapping

from config import store
from config.reading import Reader
from tests.runtime.processes import clean_environment

ON_DISK = {"BACKEND": "studio.library.storage.AtomicFileSystemStorage"}
KEYS = {"S3_ACCESS_KEY_ID": "AKIA", "S3_SECRET_ACCESS_KEY": "secret"}
AMAZON = {"S3_BUCKET": "atelier", "S3_REGION": "eu-north-1"}


def reader(monkeypatch: pytest.MonkeyPatch, **environment: str) -> Reader:
    env = environ.FileAwareEnv()
    monkeypatch.setattr(env, "ENVIRON", FileAwareMapping(env=environment))
    return Reader(env)


def test_without_a_bucket_pictures_are_on_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    assert store.read_storage(reader(monkeypatch)) == ON_DISK


@pytest.mark.parametrize(("given", "loaded"), [({}, "False"), ({"S3_BUCKET": "atelier", "S3_REGION": "x"}, "True")])
def test_client_is_loaded_only_where_there_is_a_bucket(given: dict[str, str], loaded: str, tmp_path: Path) -> None:
    code = """
import sys, django
django.setup()
from django.core.files.storage import default_storage
from studio.library import files, serving
default_storage.presigns
print(any(name in sys.modules for name in ("boto3", "botocore", "storages")))
"""
    told = clean_environment(tmp_path, DJANGO_SETTINGS_MODULE="config.settings", **given)
    done = subprocess.run([sys.executable, "-c", code], env=told, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == loaded


def test_secret_may_stand_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("from a file\n")
    given = {**AMAZON, "S3_ACCESS_KEY_ID": "AKIA", "S3_SECRET_ACCESS_KEY_FILE": str(tmp_path / "key")}
    assert store.read_storage(reader(monkeypatch, **given))["OPTIONS"]["secret_key"] == "from a file"


def test_bucket_of_amazon_needs_a_region_and_takes_the_machines_role(monkeypatch: pytest.MonkeyPatch) -> None:
    assert store.read_storage(reader(monkeypatch, **AMAZON)) == {
        "BACKEND": "studio.library.s3.ObjectStorage",
        "OPTIONS": {
            "bucket_name": "atelier",
            "endpoint_url": None,
            "region_name": "eu-north-1",
            "access_key": None,
            "secret_key": None,
            "location": "",
            "addressing_style": "auto",
            "presigns": False,
            "public_url": None,
        },
    }


def test_every_setting_reaches_the_store(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {
        "S3_BUCKET": "atelier",
        "S3_ENDPOINT_URL": "http://minio:9000/",
        "S3_PREFIX": "studio/pictures/",
        "S3_ADDRESSING": "path",
        "S3_PRESIGN": "1",
        "S3_PUBLIC_URL": "https://pictures.example.com",
        **KEYS,
    }
    assert store.read_storage(reader(monkeypatch, **given))["OPTIONS"] == {
        "bucket_name": "atelier",
        "endpoint_url": "http://minio:9000",
        "region_name": "us-east-1",
        "access_key": "AKIA",
        "secret_key": "secret",
        "location": "studio/pictures",
        "addressing_style": "path",
        "presigns": True,
        "public_url": "https://pictures.example.com",
    }


def test_browsers_are_sent_to_the_endpoint_where_no_other_address_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {**AMAZON, "S3_ENDPOINT_URL": "https://s3.example.com", "S3_PRESIGN": "1"}
    assert store.read_storage(reader(monkeypatch, **given))["OPTIONS"]["public_url"] == "https://s3.example.com"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"S3_REGION": "eu-north-1"}, "S3_REGION is set, but S3_BUCKET is not, so it would do nothing."),
        ({"S3_PRESIGN": "1"}, "S3_PRESIGN is set, but S3_BUCKET is not, so it would do nothing."),
        (KEYS, "S3_ACCESS_KEY_ID is set, but S3_BUCKET is not, so it would do nothing."),
        ({"S3_BUCKET": "a/b", "S3_REGION": "x"}, "S3_BUCKET must be the name of a bucket, not 'a/b'."),
        ({"S3_BUCKET": "atelier"}, "S3_REGION must be set where S3_ENDPOINT_URL is not."),
        (
            {**AMAZON, "S3_ACCESS_KEY_ID": "AKIA"},
            "S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY must be set together.",
        ),
        (
            {**AMAZON, "S3_SECRET_ACCESS_KEY": "hidden"},
            "S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY must be set together.",
        ),
        (
            {**AMAZON, "S3_ENDPOINT_URL": "minio:9000"},
            "S3_ENDPOINT_URL must be an address such as https://atelier.example.com, not 'minio:9000'.",
        ),
        ({**AMAZON, "S3_PREFIX": "../up"}, "S3_PREFIX must be a folder such as atelier/pictures, not '../up'."),
        ({**AMAZON, "S3_PREFIX": "/top"}, "S3_PREFIX must be a folder such as atelier/pictures, not '/top'."),
        ({**AMAZON, "S3_ADDRESSING": "odd"}, "S3_ADDRESSING must be one of auto, path, virtual, not 'odd'."),
        ({**AMAZON, "S3_PRESIGN": "perhaps"}, "S3_PRESIGN must be 1 or 0, not 'perhaps'."),
        (
            {**AMAZON, "S3_PUBLIC_URL": "https://a.example.com"},
            "S3_PUBLIC_URL is set, but S3_PRESIGN is not, so it would do nothing.",
        ),
    ],
)
def test_what_cannot_work_stops_the_start(given: dict[str, str], message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ImproperlyConfigured) as stop:
        store.read_storage(reader(monkeypatch, **given))
    assert str(stop.value) == message


def test_store_without_its_packages_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "find_spec", lambda name: None if name == "boto3" else object())
    with pytest.raises(ImproperlyConfigured) as stop:
        store.read_storage(reader(monkeypatch, **AMAZON))
    assert str(stop.value) == "S3_BUCKET needs packages that are not installed: pip install 'django-storages[s3]'."


def test_server_in_front_is_told_a_folder_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    assert store.read_accel_redirect(reader(monkeypatch), ON_DISK) == ""
    assert store.read_accel_redirect(reader(monkeypatch, ACCEL_REDIRECT="/_media/"), ON_DISK) == "/_media/"


@pytest.mark.parametrize("location", ["_media/", "/_media", "/", "/../", "https://a.example.com/", "/a b/", "//a/"])
def test_bad_location_stops_the_start(location: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ImproperlyConfigured) as stop:
        store.read_accel_redirect(reader(monkeypatch, ACCEL_REDIRECT=location), ON_DISK)
    assert str(stop.value) == f"ACCEL_REDIRECT must be a path such as /_media/, not {location!r}."


def test_server_in_front_cannot_send_what_an_object_store_keeps(monkeypatch: pytest.MonkeyPatch) -> None:
    env = reader(monkeypatch, ACCEL_REDIRECT="/_media/", **AMAZON)
    with pytest.raises(ImproperlyConfigured) as stop:
        store.read_accel_redirect(env, store.read_storage(env))
    message = "ACCEL_REDIRECT is for files on disk; an object store delivers with S3_PRESIGN=1."
    assert str(stop.value) == message
