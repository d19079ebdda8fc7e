"""The composer's form: it refuses what the chosen model cannot do and changes nothing by itself."""

import uuid
from typing import Any

import pytest
import time_machine

from studio.catalogue.models import ImageModel
from studio.catalogue.queries import Offer, models_for
from studio.catalogue.services import sync_catalogue
from studio.generations.forms import GenerationForm, wording
from studio.generations.spec import GenerationSpec
from studio.providers.services import create_connection
from studio.teams.models import Team

SENT = {
    "prompt": "Three paper boats",
    "model": "rehearsal",
    "quality": "low",
    "size": "1024x1024",
    "n": "2",
    "background": "auto",
    "output_format": "png",
    "compression": "",
    "moderation": "auto",
}


@pytest.fixture
def offers(team: Team) -> list[Offer]:
    """Rehearsal and the models of an OpenAI connection, none of them at its end, whatever day it is."""
    sync_catalogue()
    ImageModel.objects.update(retires_on=None)
    create_connection(team=None, name="Rehearsal", protocol="rehearsal", actor=None)
    create_connection(team=None, name="OpenAI", protocol="openai", secret="sk-test", actor=None)
    return models_for(team)


@time_machine.travel("2026-11-20T12:00Z")
def test_form_says_in_the_list_which_model_ends_soon(team: Team) -> None:
    sync_catalogue()
    create_connection(team=None, name="OpenAI", protocol="openai", secret="sk-test", actor=None)
    form = GenerationForm.prefilled(models_for(team), {"model": "gpt-image-1.5"})
    titles = [widget.data["label"] for widget in form["model"]]
    assert titles == ["GPT Image 2.5 Sunburst", "GPT Image 2.5 Flare", "GPT Image 2", "GPT Image 1.5 (ends 1 Dec 2026)"]
    assert form.model_note == "Three fixed sizes. Ends 1 Dec 2026. Use GPT Image 2.5 Sunburst instead"


def filled(offers: list[Offer], **changes: Any) -> GenerationForm:
    return GenerationForm({**SENT, **changes}, offers=offers)


def test_form_valid_becomes_exactly_what_was_asked_for(offers: list[Offer]) -> None:
    form = filled(
        offers, output_format="webp", compression="80", background="transparent", prompt="  Boats \r\n again "
    )

    assert form.is_valid(), form.errors
    assert form.to_spec() == GenerationSpec(
        model_slug="rehearsal",
        prompt="  Boats \n again ",
        n=2,
        quality="low",
        size="1024x1024",
        background="transparent",
        output_format="webp",
        compression=80,
        moderation="auto",
    )


def test_form_left_out_output_settings_are_the_models_defaults(offers: list[Offer]) -> None:
    sent = {name: SENT[name] for name in ("prompt", "model", "quality", "size", "n")}
    form = GenerationForm(sent, offers=offers)

    assert form.is_valid(), form.errors
    spec = form.to_spec()
    assert (spec.background, spec.output_format, spec.compression, spec.moderation) == ("auto", "png", None, "auto")


@pytest.mark.parametrize(
    ("changes", "field", "message"),
    [
        ({"prompt": ""}, "prompt", "Describe the image first."),
        ({"prompt": " \n\t\u2003"}, "prompt", "Describe the image first."),
        ({"prompt": "x" * 32_001}, "prompt", "32,001 characters; a prompt has at most 32,000."),
        ({"prompt": "a\x00b"}, "prompt", "The prompt contains a character that cannot be stored. Remove it."),
        ({"prompt": "a\ud83db"}, "prompt", "The prompt contains half a character. Type or paste that part again."),
        ({"model": "gpt-9"}, "model", "“gpt-9” is not a model of your team."),
        ({"model": ""}, "model", "Choose a model."),
        ({"quality": "ultra"}, "quality", "Rehearsal has no “ultra”. Choose another."),
        ({"quality": ""}, "quality", "Choose a quality."),
        ({"size": "17x17"}, "size", "Rehearsal has no “17x17”. Choose another."),
        ({"n": "0"}, "n", "At least 1 image."),
        ({"n": "-1"}, "n", "At least 1 image."),
        ({"n": "11"}, "n", "At most 10 images at once."),
        ({"n": "abc"}, "n", "The number of images is a whole number."),
        ({"n": "1.5"}, "n", "The number of images is a whole number."),
        ({"n": ""}, "n", "Say how many images."),
        ({"n": "9" * 5000}, "n", "The number of images is a whole number."),
        ({"background": "plaid"}, "background", "Rehearsal has no “plaid”. Choose another."),
        (
            {"background": "transparent", "output_format": "jpeg"},
            "background",
            "JPEG has no transparency. Choose PNG or WebP.",
        ),
        ({"output_format": "gif"}, "output_format", "Rehearsal has no “gif”. Choose another."),
        ({"compression": "80"}, "compression", "PNG takes no compression here. Leave this empty."),
        (
            {"compression": "101", "output_format": "webp"},
            "compression",
            "Compression is a whole number from 0 to 100.",
        ),
        ({"moderation": "off"}, "moderation", "Rehearsal has no “off”. Choose another."),
    ],
)
def test_form_refuses(offers: list[Offer], changes: dict[str, str], field: str, message: str) -> None:
    form = filled(offers, **changes)

    assert not form.is_valid()
    assert dict(form.errors) == {field: [message]}


def test_form_prompt_of_exactly_the_limit_is_taken(offers: list[Offer]) -> None:
    assert filled(offers, prompt="ä" * 32_000).is_valid()


def test_form_offers_only_what_the_chosen_model_has(offers: list[Offer]) -> None:
    narrow = filled(offers, model="gpt-image-1.5")

    assert narrow.offer.model.slug == "gpt-image-1.5"
    assert [value for value, _ in narrow.fields["size"].choices] == narrow.offer.sizes  # type: ignore[attr-defined]  # a ChoiceField
    assert [value for value, _ in narrow.fields["quality"].choices] == narrow.offer.qualities  # type: ignore[attr-defined]  # a ChoiceField


def test_form_size_of_another_model_is_refused(offers: list[Offer]) -> None:
    own = {offer.model.slug: offer for offer in offers}
    foreign = next(size for size in own["gpt-image-2"].sizes if size not in own["gpt-image-1.5"].sizes)

    form = filled(offers, model="gpt-image-1.5", size=foreign)

    assert list(form.errors) == ["size"]


def test_form_option_without_a_price_is_refused(offers: list[Offer]) -> None:
    model = ImageModel.objects.get(slug="rehearsal")
    model.prices.filter(quality="low", size="1024x1024").delete()
    fresh = models_for(Team.objects.get())

    form = filled(fresh)

    assert list(form.errors) == ["size"]
    assert form.price() is None


def test_prefilled_starts_with_one_image_of_the_first_model(offers: list[Offer]) -> None:
    form = GenerationForm.prefilled(offers, {})

    assert form.initial["model"] == offers[0].model.slug
    assert form.initial["n"] == 1
    assert form.replaced == {}
    price = form.price()
    assert price is not None
    assert price.total == price.unit


def test_prefilled_says_what_the_model_lacks(offers: list[Offer]) -> None:
    form = GenerationForm.prefilled(
        offers, {"model": "rehearsal", "quality": "ultra", "size": "17x17", "prompt": "Boats"}
    )

    assert form.initial["prompt"] == "Boats"
    assert form.initial["quality"] in form.offer.qualities
    assert form.replaced == {"quality": "Rehearsal has no Ultra.", "size": "Rehearsal has no 1:1, 17 × 17."}


def test_prefilled_with_a_model_that_is_gone_says_so(offers: list[Offer]) -> None:
    form = GenerationForm.prefilled(offers, {"model": "dall-e-3"})

    assert form.initial["model"] == offers[0].model.slug
    assert form.replaced["model"] == "dall-e-3 is no longer offered."


@pytest.mark.parametrize(
    ("quoted", "quoted_for", "agreed"),
    [
        ("2", "rehearsal low 1024x1024 2", 2),
        ("1", "rehearsal low 1024x1024 2", 1),  # the price on the page was lower: the new one has to be shown
        ("1", "rehearsal low 1024x1024 1", 2),  # read from the price list, which is still right
        ("4", "rehearsal low 1024x1024 5", 4),  # the price list was an older one
        ("1", "gpt-image-1.5 low 1024x1024 1", 1),  # the price list was another model's
        ("1", "rehearsal low 17x17 1", 1),
        ("1", "rehearsal low 1024x1024 many", 1),
        ("", "", 0),
        ("abc", "rehearsal", 0),
        ("9" * 40, "", 0),
    ],
)
def test_amount_shown_is_the_most_a_person_agreed_to(
    offers: list[Offer], quoted: str, quoted_for: str, agreed: int
) -> None:
    form = filled(offers, quoted=quoted, quoted_for=quoted_for)
    assert form.is_valid(), form.errors
    price = form.price()
    assert price is not None

    assert form.amount_shown(price) == agreed


def test_submission_key_is_the_one_sent(offers: list[Offer]) -> None:
    key = uuid.uuid4()

    assert filled(offers, key=str(key)).submission_key() == key


@pytest.mark.parametrize("sent", ["", "abc", "\x00"])
def test_submission_key_unreadable_is_a_new_one_each_time(offers: list[Offer], sent: str) -> None:
    form = filled(offers, key=sent)

    assert form.submission_key() != form.submission_key()


@pytest.mark.parametrize(
    ("value", "word"),
    [("1536x1024", "3:2, 1536 × 1024"), ("auto", "Auto"), ("xhigh", "Extra high"), ("png", "PNG"), ("max", "Maximum")],
)
def test_wording(value: str, word: str) -> None:
    assert wording(value) == word
