"""Counts the queries of the pages; prints them as JSON."""

import json
import sys

import django

django.setup()

from django.db import connection  # noqa: E402  # needs the settings first
from django.test import Client  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402

from studio.accounts.models import User  # noqa: E402


def main() -> None:
    """Read each address twice, because the first visit also notes the visit."""
    email, *addresses = sys.argv[1:]
    client = Client(headers={"host": "localhost"})
    client.force_login(User.objects.get(email=email))
    counts = {}
    for address in addresses:
        for _ in range(2):
            with CaptureQueriesContext(
                connection,
            ) as captured:
                answer = client.get(address)
            assert answer.status_code == 200, answer
        counts[address] = len(captured)
    print(json.dumps(counts))


if __name__ == "__main__":
    main()
