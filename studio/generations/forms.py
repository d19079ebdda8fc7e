"""What a person may ask for: one form, whose options are those of the chosen model."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Self, cast

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator

from studio.catalogue.capabilities import COMPRESSIBLE
from studio.catalogue.pricing import NotOffered, Quote, quote
from studio.catalogue.queries import Offer, note_of
from studio.core.templatetags.studio import aspect, day_of, pixels
from studio.generations.fields import DefaultedChoiceField, ModelSelect, PromptField
from studio.generations.inputs import Inputs, refusals
from studio.generations.spec import GenerationSpec

# What the composer starts with where the model has it; else the model's first option.
PREFERRED: Final = {
    "quality": "medium",
    "size": "1024x1024",
    "background": "auto",
    "output_format": "png",
    "moderation": "auto",
    "style": "",
    "input_fidelity": "",
}
WORDS: Final = {"": "Default", "xhigh": "Extra high", "max": "Maximum", "png": "PNG", "jpeg": "JPEG", "webp": "WebP"}
PRICED_FIELDS: Final = ("model", "quality", "size", "n")


def wording(value: str) -> str:
    """The word on the page for a provider's value: `xhigh` → `Extra high`, `1536x1024` → its shape and pixels."""
    if value[:1].isdigit() and "x" in value:
        return f"{aspect(value)}, {pixels(value)}"
    return WORDS.get(value, value.capitalize())


def _options(offer: Offer, field: str) -> list[str]:
    """What the model has for a field, in the catalogue's order."""
    has = offer.capabilities
    return {
        "quality": offer.qualities,
        "size": offer.sizes,
        "background": has.backgrounds,
        "output_format": has.formats,
        "moderation": has.moderation,
        "style": ["", *has.styles],
        "input_fidelity": ["", *has.fidelity],
    }[field]


def _title(offer: Offer) -> str:
    """The model's name in the list of models, with its end where that is near."""
    model = offer.model
    return f"{model.title} (ends {day_of(model.last_day)})" if model.last_day and model.ends_soon else model.title


def _default(offer: Offer, field: str) -> str:
    options = _options(offer, field)
    return PREFERRED[field] if PREFERRED[field] in options else options[0]


def _first_that_takes(inputs: Inputs, offers: Sequence[Offer]) -> Offer:
    """Return the first model that takes the pictures, but before it the one that made the first of them.

    Where none takes them, it is the first of all.
    """
    made_with = inputs.references[0].model_slug if inputs.references else ""
    in_order = sorted(offers, key=lambda offer: offer.model.slug != made_with)
    return next((one for one in in_order if not refusals(inputs, one.capabilities, one.model.title)), offers[0])


def _size_of_first(inputs: Inputs, offer: Offer) -> str:
    """Return the size of the first reference image where the model makes it: an edit keeps the shape unless told."""
    size = f"{inputs.references[0].width}x{inputs.references[0].height}" if inputs.references else ""
    return size if size in offer.sizes else ""


def _has_compression(offer: Offer, output_format: str) -> bool:
    return offer.capabilities.compression and output_format in COMPRESSIBLE


class GenerationForm(forms.Form):
    """The composer. Bound, it refuses what the chosen model cannot do; it never changes what was asked for."""

    prompt = PromptField(
        strip=False,
        error_messages={
            "required": "Describe the image first.",
            "null_characters_not_allowed": "The prompt contains a character that cannot be stored. Remove it.",
        },
        widget=forms.Textarea(
            attrs={
                "placeholder": "Describe the image. Subject first, then setting, light and finish.",
                "rows": 4,
                "data-counted": "prompt-count",
            }
        ),
    )
    model = forms.ChoiceField(widget=ModelSelect)
    quality = forms.ChoiceField()
    size = forms.ChoiceField()
    n = forms.IntegerField(
        label="Images",
        min_value=1,
        widget=forms.Select,
        error_messages={
            "required": "Say how many images.",
            "invalid": "The number of images is a whole number.",
            "min_value": "At least 1 image.",
        },
    )
    background = DefaultedChoiceField()
    output_format = DefaultedChoiceField(label="Format")
    compression = forms.IntegerField(
        required=False,
        min_value=0,
        max_value=100,
        help_text="0 to 100 %. Smaller files below 100.",
        widget=forms.NumberInput(attrs={"placeholder": "100", "inputmode": "numeric"}),
        error_messages=dict.fromkeys(
            ("invalid", "min_value", "max_value"), "Compression is a whole number from 0 to 100."
        ),
    )
    moderation = DefaultedChoiceField()
    style = forms.ChoiceField(required=False)
    input_fidelity = forms.ChoiceField(label="Fidelity to the references", required=False)
    # Their pictures are `inputs`; these two hold what is said about them.
    references = forms.Field(label="Reference images", required=False)
    mask = forms.Field(required=False)

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        *,
        offers: Sequence[Offer],
        inputs: Inputs | None = None,
        away: Sequence[Offer] = (),
        initial: Mapping[str, Any] | None = None,
        replaced: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(data, initial=dict(initial or {}), auto_id="%s")
        self.offers = {offer.model.slug: offer for offer in offers}
        self.inputs = inputs or Inputs()
        self.away = {offer.model.slug: offer for offer in away}
        self.replaced = dict(replaced or {})
        asked = str((self.data if self.is_bound else self.initial).get("model", ""))
        self.offer = self.offers.get(asked) or offers[0]
        self._offer_only_what_the_model_has()

    @classmethod
    def prefilled(
        cls,
        offers: Sequence[Offer],
        wanted: Mapping[str, Any],
        inputs: Inputs | None = None,
        away: Sequence[Offer] = (),
    ) -> Self:
        """Return an unbound form with the `wanted` settings; for one the model lacks, its default and a word on it.

        Pictures stay, with a word where the model does not take them.
        """
        inputs = inputs or Inputs()
        by_slug = {offer.model.slug: offer for offer in offers}
        asked = str(wanted.get("model", ""))
        offer = by_slug.get(asked) or _first_that_takes(inputs, offers)
        wanted = {"size": _size_of_first(inputs, offer), **wanted}
        replaced = refusals(inputs, offer.capabilities, offer.model.title)
        if asked and asked not in by_slug:
            paused = next((offer for offer in away if offer.model.slug == asked), None)
            replaced["model"] = _why_not(paused) if paused else f"{asked} is no longer offered."
        initial = {name: wanted[name] for name in ("prompt", "n", "compression") if wanted.get(name) not in {None, ""}}
        initial = {"n": 1, **initial, "model": offer.model.slug}
        for name in PREFERRED:
            value = str(wanted.get(name) or "")
            initial[name] = value if value in _options(offer, name) else _default(offer, name)
            if value and value != initial[name]:
                replaced[name] = f"{offer.model.title} has no {wording(value)}."
        return cls(offers=offers, inputs=inputs, away=away, initial=initial, replaced=replaced)

    def _offer_only_what_the_model_has(self) -> None:
        title, most = self.offer.model.title, self.offer.capabilities.max_n
        self.fields["prompt"].validators.append(_at_most(self.prompt_limit))
        # No maxlength: a browser would cut what is pasted without a word.
        self.fields["prompt"].widget.attrs["data-limit"] = self.prompt_limit
        self._choices("model", [(slug, _title(offer)) for slug, offer in self.offers.items()])
        self._show_away()
        for name in PREFERRED:
            self._choices(name, [(value, wording(value)) for value in _options(self.offer, name)])
            self.fields[name].error_messages["invalid_choice"] = f"{title} has no “%(value)s”. Choose another."
        cast("forms.Select", self.fields["n"].widget).choices = [(count, count) for count in range(1, most + 1)]
        self.fields["n"].validators.append(MaxValueValidator(most, f"At most {most} images at once."))

    def _show_away(self) -> None:
        """List the models that are away after the others, and say why to somebody who asks for one."""
        field = cast("forms.ChoiceField", self.fields["model"])
        select = cast("ModelSelect", field.widget)
        away = [(slug, f"{offer.model.title}: {offer.reason}") for slug, offer in self.away.items()]
        select.choices = [*cast("list[tuple[str, str]]", field.choices), *away]
        select.away = frozenset(self.away)
        asked = self.away.get(str(self.data.get("model", "")))
        field.error_messages["invalid_choice"] = (
            _why_not(asked) if asked else "“%(value)s” is not a model of your team."
        )

    def _choices(self, name: str, choices: list[tuple[str, str]]) -> None:
        field = cast("forms.ChoiceField", self.fields[name])
        field.choices = choices
        field.error_messages["required"] = f"Choose a {str(field.label or name).lower()}."
        if isinstance(field, DefaultedChoiceField):
            field.default = _default(self.offer, name)

    @property
    def model_note(self) -> str:
        """What to know of the chosen model."""
        return note_of(self.offer, self.offers.values())

    @property
    def prompt_limit(self) -> int:
        """How long the chosen model lets a prompt be."""
        return self.offer.capabilities.prompt_limit

    @property
    def shows_compression(self) -> bool:
        """Whether the chosen format can be compressed, or somebody tried to."""
        return _has_compression(self.offer, str(self["output_format"].value() or "png")) or "compression" in self.errors

    @property
    def shows_moderation(self) -> bool:
        """Whether there is anything to choose."""
        return len(_options(self.offer, "moderation")) > 1 or "moderation" in self.errors

    @property
    def shows_style(self) -> bool:
        """Whether the model has styles, or one was asked for that it has not."""
        return bool(self.offer.capabilities.styles) or "style" in self.replaced or "style" in self.errors

    @property
    def shows_references(self) -> bool:
        """Whether the model takes reference images, or there is something to say about some."""
        said = "references" in self.inputs.problems or "references" in self.errors
        return self.offer.capabilities.edit or bool(self.inputs.references) or said

    @property
    def shows_mask(self) -> bool:
        """Whether a mask would work, or there is something to say about one."""
        works = self.offer.capabilities.mask and bool(self.inputs.references)
        return works or self.inputs.mask is not None or "mask" in self.inputs.problems or "mask" in self.errors

    @property
    def shows_fidelity(self) -> bool:
        """Whether the model can be told how closely to follow references that are there."""
        said = bool(self.offer.capabilities.fidelity) or "input_fidelity" in self.replaced
        return (said and bool(self.inputs.references)) or "input_fidelity" in self.errors

    def clean(self) -> dict[str, Any]:
        """Refuse settings that contradict each other or have no price, and pictures that the model does not take."""
        cleaned = dict(super().clean() or self.cleaned_data)
        refused = refusals(self.inputs, self.offer.capabilities, self.offer.model.title)
        for name, message in (*self.inputs.problems.items(), *refused.items()):
            self.add_error(name, message)
        if cleaned.get("input_fidelity") and not self.inputs.references:
            self.add_error("input_fidelity", "Fidelity is for reference images only.")
        chosen = cleaned.get("output_format")
        if cleaned.get("background") == "transparent" and chosen == "jpeg":
            self.add_error("background", "JPEG has no transparency. Choose PNG or WebP.")
        if cleaned.get("compression") is not None and chosen and not _has_compression(self.offer, chosen):
            self.add_error("compression", f"{wording(chosen)} takes no compression here. Leave this empty.")
        self._check_price(cleaned)
        return cleaned

    def _check_price(self, cleaned: Mapping[str, Any]) -> None:
        """An option whose price is unknown is not offered."""
        if any(cleaned.get(name) in {None, ""} for name in PRICED_FIELDS):
            return
        try:
            _price(self.offer, cleaned)
        except NotOffered as error:
            self.add_error(error.field if error.field in self.fields else "size", error.message)

    def price(self) -> Quote | None:
        """Return the price of the settings in the form, or None while they have none."""
        if self.is_bound:
            if any(name in self.errors for name in PRICED_FIELDS):
                return None
            return _price(self.offer, self.cleaned_data)
        try:
            return _price(self.offer, {**self.initial, "n": int(self.initial["n"])})
        except (NotOffered, ValueError):
            return None

    def amount_shown(self, price: Quote) -> int:
        """Return the most this person has agreed to pay.

        That is the quote on the page. Without JavaScript it may be for other settings of the same model; then the
        price list beside it was read instead, which is still right if that quote is.
        """
        quoted = _number(self.data.get("quoted"))
        earlier = str(self.data.get("quoted_for", "")).split()
        if (
            len(earlier) != len(PRICED_FIELDS)
            or earlier == self.settings_quoted()
            or earlier[0] != self.offer.model.slug
        ):
            return quoted
        try:
            then = quote(model=self.offer.priced, quality=earlier[1], size=earlier[2], n=_number(earlier[3]))
        except NotOffered:
            return quoted
        return price.total if then.total == quoted else quoted

    def settings_quoted(self) -> list[str]:
        """Return the settings that decide the price, as the page sends them back with the quote."""
        values = self.cleaned_data if self.is_bound else self.initial
        return [str(values[name]) for name in PRICED_FIELDS]

    def submission_key(self) -> uuid.UUID:
        """Return what makes a repeated submit harmless; a client without a key submits something new each time."""
        try:
            return uuid.UUID(str(self.data.get("key", "")))
        except ValueError:
            return uuid.uuid4()

    def to_spec(self) -> GenerationSpec:
        """Return what was asked for; only of a valid form."""
        asked = self.cleaned_data
        return GenerationSpec(
            model_slug=asked["model"],
            prompt=asked["prompt"],
            n=asked["n"],
            quality=asked["quality"],
            size=asked["size"],
            background=asked["background"],
            output_format=asked["output_format"],
            compression=asked["compression"],
            moderation=asked["moderation"],
            style=asked["style"],
            input_fidelity=asked["input_fidelity"],
            references=tuple(asset.pk for asset in self.inputs.references),
            mask=self.inputs.mask.pk if self.inputs.mask else None,
        )


def _why_not(offer: Offer) -> str:
    return f"{offer.model.title} cannot be used now: {offer.reason}."


def _at_most(limit: int) -> Callable[[str], None]:
    """Return a validator that refuses a longer prompt and says by how much."""

    def check(prompt: str) -> None:
        if len(prompt) > limit:
            raise ValidationError(f"{len(prompt):,} characters; a prompt has at most {limit:,}.")

    return check


def _price(offer: Offer, settings: Mapping[str, Any]) -> Quote:
    return quote(model=offer.priced, quality=settings["quality"], size=settings["size"], n=settings["n"])


def _number(text: Any) -> int:
    """Read a number that the page itself sent; nothing readable counts as nothing agreed."""
    value = str(text)
    return int(value) if value.isascii() and value.isdigit() and len(value) < 16 else 0
