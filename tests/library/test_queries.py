"""What the library finds: words, filters, orders and pages, with exact results."""

from studio.accounts.models import User
from studio.library.queries import browse, count, find
from studio.library.search import LibrarySearch
from studio.teams.models import Team
from tests.factories import make_asset


def found(team: Team, user: User, query: str = "") -> list[int]:
    return [asset.pk for asset in find(team, user, LibrarySearch.read(query)).items]


def test_search_finds_words_by_their_beginning(team: Team, viewer: User) -> None:
    first = make_asset(team, prompt="A lighthouse at dusk")
    second = make_asset(team, prompt="Light and shadow, 東京都 tower")
    assert found(team, viewer) == [second.pk, first.pk]
    assert found(team, viewer, "q=light") == [second.pk, first.pk]
    assert found(team, viewer, "q=lighth") == [first.pk]
    assert found(team, viewer, 'q="at dusk"') == [first.pk]
    assert found(team, viewer, "q=light -dusk") == [second.pk]
    assert found(team, viewer, "q=京都") == [second.pk]
    assert found(team, viewer, "q=都tow") == [second.pk]
    assert found(team, viewer, "q=都") == [second.pk]
    assert count(team, viewer, LibrarySearch.read("q=light")).number == 2


def test_browse(team: Team, viewer: User) -> None:
    asset = make_asset(team, prompt="A lighthouse at dusk")
    page = browse(team, viewer, LibrarySearch.read("q=light"))
    assert [found.pk for found in page.found.items] == [asset.pk]
    print(page)
