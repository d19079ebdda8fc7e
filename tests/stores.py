"""An object store for tests: moto's S3 over HTTP on a port of the system's choice, one folder in it for each test."""

import logging
from dataclasses import dataclass
from itertools import count
from typing import Any
from uuid import uuid4

import boto3
from botocore.config import Config
from moto.server import ThreadedMotoServer

BUCKET = "pictures"
KEY = {"access_key": "tester", "secret_key": "only-for-tests"}
_numbers = count(1)


@dataclass(frozen=True)
class Bucket:
    """One test's folder in the store, seen past the product."""

    url: str
    client: Any
    folder: str

    @property
    def options(self) -> dict[str, Any]:
        """What `STORAGES["default"]` says of it."""
        return {
            "bucket_name": BUCKET,
            "endpoint_url": self.url,
            "public_url": self.url,
            "region_name": "us-east-1",
            "location": self.folder,
            "addressing_style": "path",
            **KEY,
        }

    def storages(self, **options: Any) -> dict[str, Any]:
        """Return the setting STORAGES with this store as the default one."""
        return {
            "default": {"BACKEND": "studio.library.s3.ObjectStorage", "OPTIONS": {**self.options, **options}},
            "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
        }

    def names(self) -> list[str]:
        """Return the names of all objects, as the product knows them."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=f"{self.folder}/")
        found = [entry["Key"] for page in pages for entry in page.get("Contents", ())]
        return [key.removeprefix(f"{self.folder}/") for key in found]

    def head(self, name: str) -> dict[str, Any]:
        """Return what the store knows of an object."""
        known: dict[str, Any] = self.client.head_object(Bucket=BUCKET, Key=f"{self.folder}/{name}")
        return known

    def put(self, name: str, data: bytes) -> None:
        """Put an object past the product."""
        self.client.put_object(Bucket=BUCKET, Key=f"{self.folder}/{name}", Body=data)


class ObjectStore:
    """A running server."""

    def __init__(self) -> None:
        logging.getLogger("werkzeug").setLevel(logging.ERROR)  # one line for each request is of no use
        self._server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        self._server.start()
        _, port = self._server.get_host_and_port()
        self.url = f"http://127.0.0.1:{port}"
        self.client = boto3.client(
            "s3",
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id=KEY["access_key"],
            aws_secret_access_key=KEY["secret_key"],
            config=Config(s3={"addressing_style": "path"}, proxies={}),
        )
        self.client.create_bucket(Bucket=BUCKET)

    def bucket(self) -> Bucket:
        """Return a folder that nobody else uses."""
        return Bucket(self.url, self.client, f"test-{next(_numbers)}-{uuid4().hex[:6]}")

    def stop(self) -> None:
        """End the server."""
        self.client.close()
        self._server.stop()
