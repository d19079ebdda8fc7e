"""Reference images and masks: what a form takes in, keeps and refuses."""

import re
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from studio.accounts.models import User
from studio.generations.models import Generation
from studio.generations.models import OutputState as Is
from studio.library.binning import bin_assets, purge
from studio.library.models import Asset, Source
from studio.providers.models import Connection
from studio.providers.services import create_connection
from studio.teams.models import Team
from tests.conftest import ClientOf
from tests.factories import make_asset, small_png
from tests.generations.pages import ASKED, CREATE, HTMX, QUOTE, STUDIO, articles, text
from tests.generations.showing import show
from tests.library import corpus

pytestmark = pytest.mark.usefixtures("rehearsal", "credits")

PICK = "/t/halden-co/studio/pick/"
OPENAI = {"model": "gpt-image-2", "quality": "low", "quoted": "2", "quoted_for": "gpt-image-2 low 1024x1024 2"}
Send = Callable[..., Any]


@pytest.fixture
def openai(rehearsal: Connection) -> Connection:
    """A connection whose models take references and masks, gpt-image-1.5 a fidelity too."""
    return create_connection(team=None, name="OpenAI", protocol="openai", secret="sk-test", actor=None)


@pytest.fixture
def plain_model(rehearsal: Connection) -> dict[str, str]:
    """What asks for a model that does not edit."""
    create_connection(team=None, name="AI/ML API", protocol="aimlapi", secret="sk-test", actor=None)
    return {"model": "aimlapi-gpt-image-1.5"}


@pytest.fixture
def send(member: User, client_of: ClientOf) -> Send:
    """Sends the composer as a browser without script does, or with `htmx=True` as one with it."""
    client = client_of(member)

    def post(path: str = CREATE, *, htmx: bool = False, **changes: Any) -> Any:
        data = {**ASKED, "key": str(uuid.uuid4()), **changes}
        return client.post(path, data, headers=HTMX if htmx else {})

    return post


def file(name: str = "beach.png", data: bytes | None = None, number: int = 8100) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, small_png(number) if data is None else data)


def shown(response: Any) -> list[int]:
    """The references that the form on the page holds."""
    return [
        int(pk) for pk in re.findall(r'<input type="hidden" name="reference" value="(\d+)"', response.content.decode())
    ]


def spec() -> dict[str, Any]:
    return dict(Generation.objects.get().spec)


def test_uploaded_files_become_pictures_of_the_library_and_references(send: Send, team: Team, member: User) -> None:
    response = send(references=[file("beach.png", number=1), file("pier.png", number=2)])

    assert response.status_code == 303
    beach, pier = Asset.objects.for_team(team).order_by("pk")
    assert [(asset.source, asset.file_name, asset.author) for asset in (beach, pier)] == [
        (Source.UPLOADED, "beach.png", member),
        (Source.UPLOADED, "pier.png", member),
    ]
    assert spec()["references"] == [beach.pk, pier.pk]


def test_references_of_the_library_come_first_and_each_once(send: Send, team: Team) -> None:
    first, second = make_asset(team), make_asset(team, data=small_png(8100))

    send(reference=[str(second.pk), str(first.pk), str(second.pk)], references=[file()])

    assert spec()["references"] == [second.pk, first.pk]
    assert Asset.objects.count() == 2


def test_same_submission_again_is_the_same_generation(send: Send) -> None:
    key = str(uuid.uuid4())

    for _ in range(2):
        assert send(key=key, references=[file()]).status_code == 303

    assert (Generation.objects.count(), Asset.objects.count()) == (1, 1)


def test_htmx_submit_with_files_exchanges_them_for_pictures(send: Send, team: Team) -> None:
    response = send(htmx=True, references=[file()])

    assert response.status_code == 200
    assert shown(response) == [Asset.objects.get().pk]
    assert re.search(r'<form[^>]* id="compose"[^>]* hx-swap-oob="true"', response.content.decode())


@pytest.mark.parametrize("htmx", [False, True])
@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("drawing.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "drawing.svg: What arrived is a drawing (SVG)"),
        ("cut.png", small_png(5)[:-20], "cut.png: The picture arrived incomplete."),
        ("empty.png", b"", "empty.png: The file is empty."),
        ("page.png", b"<html><script>1</script>", "page.png: What arrived is a web page"),
    ],
)
def test_bad_file_is_said_about_and_everything_else_is_kept(
    send: Send, team: Team, name: str, data: bytes, message: str, htmx: bool
) -> None:
    kept = make_asset(team)

    response = send(htmx=htmx, reference=str(kept.pk), references=[file("good.png"), file(name, data)])

    assert response.status_code == 422
    assert message in text(response)
    good = Asset.objects.get(source=Source.UPLOADED)
    assert shown(response) == [kept.pk, good.pk]
    assert "Three paper boats</textarea>" in response.content.decode()
    assert Generation.objects.count() == 0


def test_too_large_a_file_is_refused(send: Send, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("studio.library.intake.MAX_BYTES", 100)

    response = send(references=[file()])

    assert response.status_code == 422
    assert "The picture is larger than 128 MB." in text(response)


def test_more_than_any_model_takes_are_not_taken_in(send: Send, team: Team) -> None:
    response = send(references=[file(f"{number}.png", number=number) for number in range(17)])

    assert response.status_code == 422
    assert "Up to 16 reference images go along. What was too many was left out." in text(response)
    assert len(shown(response)) == Asset.objects.count() == 16


def test_more_than_the_model_takes_are_kept_and_refused(send: Send, team: Team) -> None:
    create_connection(team=None, name="AIgateway", protocol="aigateway", secret="sk-test", actor=None)
    one, two = make_asset(team), make_asset(team)

    response = send(model="aigateway-gpt-image-1.5", reference=[str(one.pk), str(two.pk)])

    assert response.status_code == 422
    assert "takes at most 1 reference image. Remove 1." in text(response)
    assert shown(response) == [one.pk, two.pk]


def test_reference_above_the_models_weight_is_refused(send: Send, team: Team) -> None:
    light, heavy = make_asset(team), make_asset(team)
    Asset.objects.filter(pk=heavy.pk).update(size=25_000_000)

    response = send(reference=[str(light.pk), str(heavy.pk)])

    assert response.status_code == 422
    assert "Rehearsal takes reference images below 25 MB. Image 2 is larger." in text(response)
    Asset.objects.filter(pk=heavy.pk).update(size=heavy.size)


@pytest.mark.parametrize("wanted", ["foreign", "purged", "0", "abc", "9" * 30])
def test_picture_that_is_not_in_the_library_is_refused(
    send: Send, team: Team, other_team: Team, member: User, wanted: str
) -> None:
    kept, purged, foreign = make_asset(team), make_asset(team), make_asset(other_team)
    bin_assets(team_id=team.pk, asset_ids=[purged.pk], actor_id=member.pk, at=timezone.now())
    purge(team_id=team.pk, asset_ids=[purged.pk], actor_id=None)
    value = {"foreign": str(foreign.pk), "purged": str(purged.pk)}.get(wanted, wanted)

    response = send(reference=[str(kept.pk), value])

    assert response.status_code == 422
    assert "A reference image is no longer in the library. Choose another." in text(response)
    assert shown(response) == [kept.pk]
    assert foreign.caption not in text(response)
    assert Generation.objects.count() == 0


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (corpus.png("RGBA"), ""),
        (corpus.png("RGBA", (64, 96)), "The mask has 64 × 96 pixels, the first reference image 96 × 64."),
        (corpus.png("RGB"), "A mask is a PNG whose transparent parts say what is drawn anew."),
        (corpus.encoded(corpus.picture(), "JPEG"), "A mask is a PNG whose transparent parts say what is drawn anew."),
        (b"\x89PNG\r\n\x1a\n" + bytes(4_000_000), "A mask is smaller than 4 MB."),
        (b"", "A mask is a PNG whose transparent parts say what is drawn anew."),
        (corpus.png("RGBA")[:-20], "mask.png: The picture arrived incomplete."),
    ],
    ids=["fits", "other size", "opaque", "jpeg", "heavy", "empty", "cut"],
)
def test_mask_has_to_fit(send: Send, openai: Connection, team: Team, mask: bytes, message: str) -> None:
    reference = make_asset(team)

    response = send(**OPENAI, reference=str(reference.pk), mask=file("mask.png", mask))

    if message:
        assert response.status_code == 422
        assert message in text(response)
        assert shown(response) == [reference.pk]
    else:
        assert response.status_code == 303
        assert (spec()["references"], spec()["mask"]) == ([reference.pk], Asset.objects.latest("pk").pk)


def test_jpeg_that_was_meant_as_mask_does_not_enter_the_library(send: Send, openai: Connection, team: Team) -> None:
    send(**OPENAI, mask=file("mask.jpg", corpus.encoded(corpus.picture(), "JPEG")))

    assert Asset.objects.count() == 0


def test_mask_without_a_reference_is_refused_and_kept(send: Send, openai: Connection, team: Team) -> None:
    mask = make_asset(team, data=corpus.png("RGBA"))

    response = send(**OPENAI, mask_asset=str(mask.pk))

    assert response.status_code == 422
    assert "A mask needs a reference image." in text(response)
    assert f'name="mask_asset" value="{mask.pk}"' in response.content.decode()


def test_mask_where_it_does_not_work_is_refused_and_not_offered(send: Send, team: Team) -> None:
    reference, mask = make_asset(team), make_asset(team, data=corpus.png("RGBA"))

    response = send(reference=str(reference.pk), mask_asset=str(mask.pk))
    without = send(QUOTE, reference=str(reference.pk))

    assert response.status_code == 422
    assert "Rehearsal takes no mask. Remove it, or choose another model." in text(response)
    assert 'name="mask"' not in without.content.decode()


def test_mask_is_offered_once_there_is_a_reference(send: Send, openai: Connection, team: Team) -> None:
    reference = make_asset(team)

    alone = send(QUOTE, **OPENAI).content.decode()
    beside = send(QUOTE, **OPENAI, reference=str(reference.pk)).content.decode()

    assert 'type="file" name="mask"' not in alone
    assert 'type="file" name="mask"' in beside


def test_model_that_does_not_edit_keeps_the_pictures_and_says_so(
    send: Send, plain_model: dict[str, str], team: Team
) -> None:
    reference = make_asset(team)

    switched = send(f"{QUOTE}?part=options", htmx=True, **plain_model, reference=str(reference.pk))
    submitted = send(**plain_model, reference=str(reference.pk))

    for response, status in [(switched, 200), (submitted, 422)]:
        assert response.status_code == status
        assert shown(response) == [reference.pk]
        assert "takes no reference images. Remove them, or choose another model." in text(response)
    assert re.search(r'<fieldset[^>]* id="references"[^>]* hx-swap-oob="true"', switched.content.decode())
    assert Generation.objects.count() == 0


def test_model_that_does_not_edit_offers_no_references(send: Send, plain_model: dict[str, str]) -> None:
    assert 'name="references"' not in send(QUOTE, **plain_model).content.decode()


def test_fidelity_is_asked_for_where_the_model_has_it(send: Send, openai: Connection, team: Team) -> None:
    reference = make_asset(team)
    changes = {**OPENAI, "model": "gpt-image-1.5", "quoted": "10"}

    offered = send(QUOTE, **changes, reference=str(reference.pk)).content.decode()
    alone = send(**changes, input_fidelity="high")
    send(**changes, reference=str(reference.pk), input_fidelity="high")

    assert re.search(r'<select name="input_fidelity".*?<option value="" selected>Default</option>', offered, re.DOTALL)
    assert 'name="input_fidelity"' not in send(QUOTE, **OPENAI, reference=str(reference.pk)).content.decode()
    assert alone.status_code == 422
    assert "Fidelity is for reference images only." in text(alone)
    assert spec()["input_fidelity"] == "high"


def test_style_is_refused_where_the_model_has_none(send: Send) -> None:
    response = send(style="vivid")

    assert response.status_code == 422
    assert "Rehearsal has no “vivid”. Choose another." in text(response)
    assert 'name="style"' not in send(QUOTE).content.decode()


def test_part_takes_in_files_and_answers_with_the_pictures_and_the_price(send: Send, team: Team) -> None:
    kept = make_asset(team)

    response = send(f"{QUOTE}?part=references", htmx=True, reference=str(kept.pk), references=[file()])

    page = response.content.decode()
    assert response.status_code == 200
    assert shown(response) == [kept.pk, Asset.objects.latest("pk").pk]
    assert "Reference images 2 of 16" in text(response)
    assert re.search(r'<div[^>]* id="quote" hx-swap-oob="outerMorph"', page)
    assert '<div hx-swap-oob="innerHTML:#dialog"></div>' in page
    assert "<textarea" not in page


def test_part_with_a_bad_file_says_so(send: Send, team: Team) -> None:
    response = send(f"{QUOTE}?part=references", htmx=True, references=[file("a.png", b"")])

    assert response.status_code == 422
    assert "a.png: The file is empty." in text(response)


@pytest.mark.parametrize("htmx", [False, True])
def test_removing_takes_a_picture_out_of_the_form(send: Send, openai: Connection, team: Team, htmx: bool) -> None:
    one, two = make_asset(team), make_asset(team)
    mask = make_asset(team, data=corpus.png("RGBA"))
    held = {**OPENAI, "reference": [str(one.pk), str(two.pk)], "mask_asset": str(mask.pk)}
    part = f"{QUOTE}?part=references" if htmx else QUOTE

    assert shown(send(part, htmx=htmx, **held, take_out=str(one.pk))) == [two.pk]
    field = f'name="mask_asset" value="{mask.pk}"'
    assert field in send(part, htmx=htmx, **held).content.decode()
    assert field not in send(part, htmx=htmx, **held, take_out="mask").content.decode()
    assert Asset.objects.count() == 3


def test_reference_in_the_address_fills_the_composer(
    openai: Connection, team: Team, member: User, client_of: ClientOf
) -> None:
    picture = make_asset(team, data=corpus.png(size=(1536, 1024)))

    response = client_of(member).get(STUDIO, {"reference": str(picture.pk)})

    page = response.content.decode()
    assert shown(response) == [picture.pk]
    assert '<option value="1536x1024" selected>' in page
    assert '<option value="gpt-image-2" selected>' in page  # what it was made with


def test_reference_in_the_address_chooses_a_model_that_takes_it(
    plain_model: dict[str, str], team: Team, member: User, client_of: ClientOf
) -> None:
    response = client_of(member).get(STUDIO, {"reference": str(make_asset(team).pk)})

    assert '<option value="aimlapi-gpt-image-2" selected>' in response.content.decode()
    assert "takes no reference images" not in text(response)


@pytest.mark.parametrize("wanted", ["foreign", "0", "abc", ""])
def test_reference_in_the_address_that_is_not_the_teams_is_404(
    wanted: str, other_team: Team, member: User, client_of: ClientOf
) -> None:
    foreign = make_asset(other_team)

    response = client_of(member).get(STUDIO, {"reference": str(foreign.pk) if wanted == "foreign" else wanted})

    assert response.status_code == 404


def test_from_brings_pictures_and_says_which_are_gone(
    openai: Connection, team: Team, member: User, client_of: ClientOf
) -> None:
    one, two = make_asset(team), make_asset(team)
    earlier = show(team, member, Is.FAILED, references=[one.pk, two.pk])
    bin_assets(team_id=team.pk, asset_ids=[two.pk], actor_id=member.pk, at=timezone.now())
    before = client_of(member).get(STUDIO, {"from": str(earlier.pk)})
    purge(team_id=team.pk, asset_ids=[two.pk], actor_id=None)

    after = client_of(member).get(STUDIO, {"from": str(earlier.pk)})

    assert shown(before) == [one.pk, two.pk]
    assert shown(after) == [one.pk]
    assert "A reference image is no longer in the library. Choose another." in text(after)


def test_retry_brings_pictures_along(team: Team, member: User, client_of: ClientOf) -> None:
    picture = make_asset(team)
    earlier = show(team, member, Is.FAILED, references=[picture.pk])

    response = client_of(member).post(f"{CREATE}{earlier.pk}/retry/", headers=HTMX)

    assert response.status_code == 200
    assert len(articles(response)) == 2
    assert Generation.objects.latest("pk").spec["references"] == [picture.pk]


def test_form_with_more_fields_than_any_is_refused(send: Send) -> None:
    response = send(reference=[str(number) for number in range(10_200)])

    assert response.status_code == 400
    assert "More was chosen than can be sent at once. Choose fewer." in text(response)


def test_form_with_thousands_of_pictures_names_the_most_there_can_be(send: Send) -> None:
    response = send(reference=[str(number) for number in range(1, 9000)])

    assert response.status_code == 422
    assert "Up to 16 reference images go along." in text(response)


def test_pick_offers_the_newest_that_are_not_chosen_yet(send: Send, team: Team) -> None:
    old, chosen, new = make_asset(team), make_asset(team), make_asset(team)

    response = send(PICK, htmx=True, reference=str(chosen.pk))

    offered = re.findall(r'type="checkbox" name="pick" value="(\d+)"', response.content.decode())
    assert offered == [str(new.pk), str(old.pk)]
    assert b"<html" not in response.content
    assert b'name="prompt"' not in response.content


def test_pick_without_script_carries_the_composer_there_and_back(send: Send, team: Team) -> None:
    chosen, boats, beach = make_asset(team), make_asset(team, prompt="Boats"), make_asset(team, prompt="Beach")

    page = send(PICK, reference=str(chosen.pk), pick=str(beach.pk), q="boats", references=[file()]).content.decode()
    fields = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page)
    sent = [*((name, value) for name, value in fields if name != "csrfmiddlewaretoken"), ("pick", str(boats.pk))]
    back = send(QUOTE, **{name: [value for other, value in sent if other == name] for name, _ in sent})

    uploaded = Asset.objects.latest("pk")
    assert re.findall(r'name="pick" value="(\d+)"( checked)?', page) == [
        (str(beach.pk), " checked"),
        (str(boats.pk), ""),
    ]
    assert shown(back) == [chosen.pk, uploaded.pk, boats.pk]
    assert "Three paper boats</textarea>" in back.content.decode()


def test_pick_of_a_mask_offers_only_what_has_transparent_parts(send: Send, openai: Connection, team: Team) -> None:
    reference, mask = make_asset(team), make_asset(team, data=corpus.png("RGBA"))

    page = send(f"{PICK}?for=mask", htmx=True, **OPENAI, reference=str(reference.pk)).content.decode()
    taken = send(f"{QUOTE}?part=references", htmx=True, **OPENAI, reference=str(reference.pk), pick_mask=str(mask.pk))

    assert re.findall(r'type="radio" name="pick_mask" value="(\d+)"', page) == [str(mask.pk)]
    assert f'name="mask_asset" value="{mask.pk}"' in taken.content.decode()


def test_pick_without_script_says_what_was_wrong_with_a_file(send: Send) -> None:
    assert "a.png: The file is empty." in text(send(PICK, references=[file("a.png", b"")]))


@pytest.mark.parametrize(("fixture", "status"), [("viewer", 403), ("stranger", 404)])
def test_pictures_are_not_taken_from_who_may_not(
    fixture: str, status: int, request: pytest.FixtureRequest, team: Team, client_of: ClientOf
) -> None:
    client = client_of(request.getfixturevalue(fixture))

    answers = [client.post(path, {**ASKED, "references": [file()]}).status_code for path in (CREATE, QUOTE, PICK)]

    assert answers == [status] * 3
    assert Asset.objects.count() == 0


@pytest.mark.parametrize("count", [1, 3])
def test_pick_query_count(
    count: int, send: Send, team: Team, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    chosen = [str(make_asset(team).pk) for _ in range(count)]
    for _ in range(count):
        make_asset(team)

    with django_assert_num_queries(6):  # session, user, membership, pictures of the form, ids of the search, their rows
        send(PICK, htmx=True, reference=chosen)


@pytest.mark.parametrize("count", [1, 3])
def test_references_cost_one_query_more(
    count: int, send: Send, team: Team, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    chosen = [str(make_asset(team).pk) for _ in range(count)]

    with django_assert_num_queries(10):  # as in test_views.py, and the pictures
        send(QUOTE, htmx=True, reference=chosen)
