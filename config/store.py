"""Where pictures are kept: the file system, or an S3-compatible object store."""

import re
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any, Final

from django.core.exceptions import ImproperlyConfigured

from config.reading import Reader

_NAMES: Final = (
    "S3_ENDPOINT_URL",
    "S3_REGION",
    "S3_ACCESS_KEY_ID",
    "S3_SECRET_ACCESS_KEY",
    "S3_PREFIX",
    "S3_ADDRESSING",
    "S3_PRESIGN",
    "S3_PUBLIC_URL",
)
_BUCKET: Final = re.compile("[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9]")
_PREFIX: Final = re.compile("[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")
_ACCEL: Final = re.compile("/([A-Za-z0-9_-][A-Za-z0-9._-]*/)+")


def read_storage(env: Reader) -> dict[str, Any]:
    """Return the default entry of Django's STORAGES; raises ImproperlyConfigured for what cannot work."""
    bucket = env.text("S3_BUCKET", default="")
    if not bucket:
        _refuse_without_bucket(env)
        return {"BACKEND": "studio.library.storage.AtomicFileSystemStorage"}
    if not _BUCKET.fullmatch(bucket):
        raise ImproperlyConfigured(f"S3_BUCKET must be the name of a bucket, not {bucket!r}.")
    options = _options(env)
    if find_spec("boto3") is None or find_spec("storages") is None:
        raise ImproperlyConfigured(
            "S3_BUCKET needs packages that are not installed: pip install 'django-storages[s3]'."
        )
    return {"BACKEND": "studio.library.s3.ObjectStorage", "OPTIONS": {"bucket_name": bucket, **options}}


def read_accel_redirect(env: Reader, storage: Mapping[str, Any]) -> str:
    """Return the internal location under which the server in front finds the media folder; empty if it does not."""
    location = env.text("ACCEL_REDIRECT", default="")
    if location and not _ACCEL.fullmatch(location):
        raise ImproperlyConfigured(f"ACCEL_REDIRECT must be a path such as /_media/, not {location!r}.")
    if location and "OPTIONS" in storage:
        raise ImproperlyConfigured("ACCEL_REDIRECT is for files on disk; an object store delivers with S3_PRESIGN=1.")
    return location


def _refuse_without_bucket(env: Reader) -> None:
    given = [name for name in _NAMES if env.text(name, default="")]
    if given:
        raise ImproperlyConfigured(f"{given[0]} is set, but S3_BUCKET is not, so it would do nothing.")


def _options(env: Reader) -> dict[str, Any]:
    """Read what belongs to the bucket; without keys the machine's own role is used, as on EC2."""
    endpoint = env.web_address("S3_ENDPOINT_URL", default="")
    key_id = env.text("S3_ACCESS_KEY_ID", default="")
    secret = env.text("S3_SECRET_ACCESS_KEY", default="")
    if bool(key_id) != bool(secret):
        raise ImproperlyConfigured("S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY must be set together.")
    region = env.text("S3_REGION", default="")
    if not region and not endpoint:
        raise ImproperlyConfigured("S3_REGION must be set where S3_ENDPOINT_URL is not.")
    prefix = env.text("S3_PREFIX", default="").rstrip("/")
    if prefix and not _PREFIX.fullmatch(prefix):
        raise ImproperlyConfigured(f"S3_PREFIX must be a folder such as atelier/pictures, not {prefix!r}.")
    presigns = env.boolean("S3_PRESIGN", default=False)
    public = env.web_address("S3_PUBLIC_URL", default="")
    if public and not presigns:
        raise ImproperlyConfigured("S3_PUBLIC_URL is set, but S3_PRESIGN is not, so it would do nothing.")
    return {
        "endpoint_url": endpoint or None,
        # Other servers than Amazon's mostly ignore the region, but a signature needs one.
        "region_name": region or "us-east-1",
        "access_key": key_id or None,
        "secret_key": secret or None,
        "location": prefix,
        "addressing_style": env.choice("S3_ADDRESSING", ["auto", "path", "virtual"], default="auto"),
        "presigns": presigns,
        "public_url": public or endpoint or None,
    }
