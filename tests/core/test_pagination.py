"""Pages by key."""

import pytest

from studio.accounts.models import User
from studio.core.pagination import page_of


@pytest.fixture
def keys(db: None) -> list[int]:
    """The keys of five people, newest first."""
    return sorted((User.objects.create(email=f"p{n}@halden.example").pk for n in range(5)), reverse=True)


def test_pages_cover_everything_once(keys: list[int], django_assert_num_queries) -> None:
    seen, before = [], None
    with django_assert_num_queries(3):
        while True:
            page = page_of(User.objects.all(), before=before, size=2)
            seen += [user.pk for user in page.items]
            before = page.next_before
            if before is None:
                break
    assert seen == keys


def test_full_last_page_has_no_next(keys: list[int]) -> None:
    assert page_of(User.objects.all(), before=None, size=5).next_before is None


def test_row_added_meanwhile_shifts_nothing(keys: list[int]) -> None:
    first = page_of(User.objects.all(), before=None, size=2)
    User.objects.create(email="new@halden.example")
    second = page_of(User.objects.all(), before=first.next_before, size=2)
    assert [user.pk for user in second.items] == keys[2:4]
