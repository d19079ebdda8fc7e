"""Times searches of a filled library through `queries`; prints JSON.

Of each search it has the milliseconds of each call, by the clock and of CPU: its own and that of its database process.
"""

import json
import random
import sys
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from urllib.parse import quote_plus

import django

django.setup()

from django.db import connection, transaction  # noqa: E402  # needs the settings first
from django.test import Client  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402
from django.utils import timezone  # noqa: E402

from studio.accounts.models import User  # noqa: E402
from studio.library.models import Asset, Collection, Status, Tag, Word  # noqa: E402
from studio.library.queries import browse, count, find, neighbours  # noqa: E402
from studio.library.search import LibrarySearch, Sort  # noqa: E402
from studio.teams.models import Team  # noqa: E402

Times = dict[str, Sequence[float]]
MAY_BE_EMPTY = {"word, none", "no member", "1 letter and a rare filter", "many filters", "hyphen and 1 letter"}
# So many searches stand for all.
ANY = 500
SORTS = (Sort.NEWEST, Sort.OLDEST, Sort.RATING, Sort.NAME)


def searches(team: Team, user: User) -> dict[str, str]:
    """Return what is looked for in one team, by the names of the figures."""
    tag = Tag.objects.get(team=team, name="hero").pk
    collections = dict(Collection.objects.filter(team=team).values_list("name", "pk"))
    month = timezone.now().date() - timedelta(days=400)
    found = {
        "list": "",
        "word, common": "q=photo",
        "word, middling": "q=lighthouse",
        "word, rare": "q=xylophone",
        "word, none": "q=nothinglikeit",
        "word, 1 letter": "q=b",
        "two words": "q=photo+lighthouse",
        "phrase": "q=%22lighthouse at dusk%22",
        "minus": "q=photo+-lighthouse",
        "minus, 1 letter": "q=-b&sort=name",
        "word and 1 letter": "q=ancient+f",
        "hyphen and 1 letter": "q=lighthouse-a",
        "only minus": "q=-photo",
        "CJK": "q=東京",
        "CJK, 1 character": "q=都",
        "tag": f"tag={tag}",
        "tag by word": "q=hero",
        "status": "status=approved",
        "two statuses": "status=approved&status=delivered",
        "shape": "shape=square",
        "member": f"by={user.pk}",
        "no member": "by=999999",
        "model": "model=model-2",
        "connection": "connection=1",
        "favourite": "favourite=1",
        "rating": "rating=5",
        "date": f"from={month:%Y-%m}-01&to={month:%Y-%m}-28",
        "transparent": "alpha=1",
        "opaque": "alpha=0",
        "source": "source=uploaded",
        "collection": f"collection={collections['Posters']}",
        "big collection": f"collection={collections['Everything']}",
        "word and collection": f"q=lighthouse&collection={collections['Everything']}",
        "many filters": f"q=photo&tag={tag}&status=approved&shape=square&source=generated",
        "1 letter and a rare filter": f"q=b&tag={tag}&rating=5&status=delivered&alpha=1",
    }
    for sort in SORTS:
        for word in ("ancient", "fresh", "unloved", "zebra", "dawnlight"):
            found[f"far, {word} by {sort}"] = f"q={word}&sort={sort}"
    found["far, names alike"] = "q=shutter&sort=name"
    found["far, manual order"] = f"q=fresh&collection={collections['Everything']}"
    return found


def any_searches(team: Team, user: User) -> list[str]:
    """Return searches as they are typed: beginnings of words, phrases, some to be missing; filters; orders."""
    draw = random.Random(1)  # the same in every run
    words = list(Word.objects.filter(team=team).order_by("word").values_list("word", flat=True))
    prompts = list(Asset.objects.filter(team=team).order_by("pk").values_list("prompt", flat=True)[:ANY])
    filters = [query for query in searches(team, user).values() if query and "q=" not in query]

    def term() -> str:
        said = draw.choice(prompts).split()
        at = draw.randrange(len(said) - 1)
        typed = draw.choice([said[at], draw.choice(words)])
        text = draw.choice([typed[: draw.randint(1, len(typed))]] * 5 + [f'"{said[at]} {said[at + 1]}"'])
        return draw.choice(["", "", "", "-"]) + text

    found = []
    for _ in range(ANY):
        q = " ".join(term() for _ in range(draw.choice([0, 1, 1, 2, 2, 3])))
        parts = [*draw.sample(filters, draw.choice([0, 0, 0, 1, 1, 2, 3])), f"sort={draw.choice(SORTS)}"]
        found.append("&".join([*([f"q={quote_plus(q)}"] if q else []), *parts]))
    return found


def timed(act: Callable[[], object], times: int) -> Times:
    """Return how long each of some calls took, in milliseconds, by the clock and of CPU."""
    server = Path(f"/proc/{_server_pid()}/schedstat")
    walls, cpus = [], []
    for _ in range(times):
        began, used = time.perf_counter(), _used(server)
        act()
        walls.append(1000 * (time.perf_counter() - began))
        cpus.append(1000 * (_used(server) - used))
    return {"wall": walls, "cpu": cpus}


def _server_pid() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        [pid] = cursor.fetchone()
    return int(pid)


def _used(server: Path) -> float:
    """Return the CPU seconds of this process and of the database's that serves it."""
    return time.process_time() + int(server.read_text().split()[0]) / 1e9


def deepest(team: Team, sort: Sort) -> str:
    """Return the cursor of the last page in an order."""
    listed = Asset.objects.filter(team=team, binned_at=None)
    by = {Sort.NEWEST: ["id"], Sort.OLDEST: ["-id"], Sort.RATING: ["rating", "id"], Sort.NAME: ["-sort_name", "-id"]}
    last = listed.order_by(*by[sort])[60:61].get()
    key = {Sort.RATING: f".{last.rating}", Sort.NAME: f".{last.sort_name}"}.get(sort, "")
    return f"{last.pk}{key}"


def write_cost(team: Team) -> dict[str, Times]:
    """Time an update of the status of many pictures, and take it back."""
    ids = list(Asset.objects.filter(team=team).values_list("pk", flat=True)[:1000])
    with transaction.atomic():
        waits = timed(lambda: Asset.objects.filter(pk__in=ids).update(status=Status.SHORTLISTED), 1)
        transaction.set_rollback(True)
    return {"write: status of 1,000": waits}


def main() -> None:
    """Time everything for the big team, the lists also for a small one."""
    email, times = sys.argv[1], int(sys.argv[2])
    only = sys.argv[3] if len(sys.argv) > 3 else ""
    user = User.objects.get(email=email)
    big, small = Team.objects.order_by("pk")[0], Team.objects.order_by("pk")[5]
    results: dict[str, Times] = {}
    for name, query in searches(big, user).items():
        if only and only not in name:
            continue
        search = LibrarySearch.read(query)
        found = find(big, user, search)
        assert found.items or name in MAY_BE_EMPTY, name
        results[name] = timed(partial(find, big, user, search), times)
        results[f"count: {name}"] = timed(partial(count, big, user, search), times)
    if not only:
        for sort in SORTS:
            search, cursor = LibrarySearch(sort=sort), deepest(big, sort)
            assert len(find(big, user, search, cursor=cursor).items) == 60, sort
            results[f"deepest page by {sort}"] = timed(partial(find, big, user, search, cursor=cursor), times)
        for query in ("", "q=photo", "q=lighthouse", "q=ancient", "status=approved"):
            search = LibrarySearch.read(query)
            results[f"whole page: {query or 'list'}"] = timed(partial(browse, big, user, search), times)
        results["small team: list"] = timed(lambda: find(small, user, LibrarySearch()), times)
        results["small team: word"] = timed(lambda: find(small, user, LibrarySearch(q="lighthouse")), times)
        asset = Asset.objects.filter(team=big).order_by("pk")[1000]
        results["neighbours"] = timed(lambda: neighbours(big, user, LibrarySearch(q="ancient"), asset), times)
        results |= write_cost(big)
        results |= any_cost(big, user)
    sys.stdout.write(json.dumps({"waits": results, "queries": queries_of_pages(email, big) if not only else {}}))


def any_cost(team: Team, user: User) -> dict[str, Times]:
    """Time many searches, once each."""
    pages, counts = [], []
    for query in any_searches(team, user):
        search = LibrarySearch.read(query)
        pages.append(timed(partial(find, team, user, search), 1))
        counts.append(timed(partial(count, team, user, search), 1))
    return {"any search": _together(pages), "count: any search": _together(counts)}


def _together(each: Sequence[Times]) -> Times:
    return {kind: [wait for times in each for wait in times[kind]] for kind in ("wall", "cpu")}


def queries_of_pages(email: str, team: Team) -> dict[str, int]:
    """Count the queries of whole pages; the first visit also notes the visit."""
    client = Client(headers={"host": "localhost"})
    client.force_login(User.objects.get(email=email))
    counts = {}
    for query in ("", "q=photo", "q=xylophone+hero", "status=approved&sort=rating", "favourite=1&sort=name"):
        for _ in range(2):
            with CaptureQueriesContext(connection) as captured:
                answer = client.get(f"/t/{team.slug}/library/?{query}")
            assert answer.status_code == 200, answer
        counts[query or "list"] = len(captured)
    return counts


if __name__ == "__main__":
    main()
