"""The cast of the tests: a team with one person of each role, and a stranger who has a team of their own."""

from collections.abc import Callable, Iterator

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from pytest_django import Settings

from studio.accounts.models import User
from studio.integrity.checks import breaches
from studio.teams.models import Role, Team
from tests.factories import make_member, make_team, make_user
from tests.stores import Bucket, ObjectStore

ClientOf = Callable[[User], Client]


@pytest.fixture(autouse=True)
def _fresh_limits() -> None:
    """Forget who tried to sign in how often."""
    cache.clear()


@pytest.fixture(autouse=True)
def _audit_stays_clean(request: pytest.FixtureRequest) -> Iterator[None]:
    """End every test that used the database with the whole audit, files apart; `breaks_invariants` opts out."""
    marked = request.node.get_closest_marker
    uses_database = marked("django_db") or {"db", "transactional_db"} & set(request.fixturenames)
    if not uses_database or marked("breaks_invariants"):
        yield
        return
    request.getfixturevalue("db")  # set up before this, so that the rows are still there after the test
    yield
    if not connection.needs_rollback:
        assert breaches() == []


@pytest.fixture
def owner(db: None) -> User:
    """The owner of `team`."""
    return make_user("maya@halden.example", name="Maya Lindqvist")


@pytest.fixture
def team(owner: User) -> Team:
    """The team that tests are about; its address is halden-co."""
    return make_team("Halden & Co", owner=owner)


@pytest.fixture
def admin(team: Team) -> User:
    """An admin of `team`."""
    return make_member(team, Role.ADMIN, email="lea@halden.example", name="Léa Moreau")


@pytest.fixture
def member(team: Team) -> User:
    """A member of `team`."""
    return make_member(team, Role.MEMBER, email="priya@halden.example", name="Priya Nair")


@pytest.fixture
def viewer(team: Team) -> User:
    """A viewer in `team`."""
    return make_member(team, Role.VIEWER, email="jonas@halden.example", name="Jonas Weber")


@pytest.fixture
def stranger(db: None) -> User:
    """Somebody with no place in `team`, but owner of `other_team`."""
    return make_user("sam@elsewhere.example", name="Sam Okafor")


@pytest.fixture
def other_team(stranger: User) -> Team:
    """The team of `stranger`."""
    return make_team("Elsewhere", owner=stranger)


@pytest.fixture
def operator(db: None) -> User:
    """The person who runs the installation; in no team."""
    return make_user("ops@halden.example", name="Olga Petrova", is_staff=True)


@pytest.fixture
def client_of() -> ClientOf:
    """A browser that is signed in as the given person: `client_of(member).get(…)`."""

    def signed_in(user: User) -> Client:
        client = Client()
        client.force_login(user)
        return client

    return signed_in


@pytest.fixture(scope="session")
def object_store() -> Iterator[ObjectStore]:
    """An object store over HTTP, for all tests of this process."""
    running = ObjectStore()
    yield running
    running.stop()


@pytest.fixture
def bucket(object_store: ObjectStore, settings: Settings) -> Bucket:
    """An empty object store that this test's pictures are kept in."""
    made = object_store.bucket()
    settings.STORAGES = made.storages()
    return made


@pytest.fixture(params=["file system", "object store"])
def store(request: pytest.FixtureRequest) -> str:
    """Lets a test run once with each kind of store; returns which."""
    if request.param == "object store":
        request.getfixturevalue("bucket")
    return str(request.param)
