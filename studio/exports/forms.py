"""What the form of a download asks."""

from typing import Any, Final

from django import forms

from studio.exports.models import PATTERN_LENGTH, Format, What
from studio.exports.naming import DEFAULT, TOKENS, BadPattern, Pattern
from studio.exports.services import Wish

GB: Final = 1000**3
# Fits on FAT disks, in mail gateways, on a DVD: sizes at which people are stopped.
_PARTS: Final = [("0", "One file"), *((str(size), f"Parts of {size} GB") for size in (1, 2, 4, 10, 25))]
_SIDES: Final = [
    ("0", "As large as it is"),
    *((str(side), f"{side:,} px") for side in (512, 1024, 1200, 1600, 2048, 4096)),
]
_HELP: Final = "Folders with /. You may use " + ", ".join(f"{{{token}}}" for token in TOKENS) + "."


class Choice(forms.ChoiceField):
    """A choice that need not be sent: its initial value is meant then."""

    def clean(self, value: Any) -> Any:
        """Return one of the choices."""
        return super().clean(value or self.initial)


class ExportForm(forms.Form):
    """The options of a download; without any of them it is originals in one file."""

    what = Choice(label="Files", choices=What.choices, initial=What.ORIGINALS)
    format = Choice(label="Convert to", choices=Format.choices, initial=Format.JPEG)
    side = Choice(label="Longest side", choices=_SIDES, initial="0")
    quality = forms.IntegerField(
        min_value=1,
        max_value=100,
        required=False,
        help_text="1 to 100; 85 unless given. For JPEG and WebP.",
        widget=forms.TextInput(attrs={"inputmode": "numeric", "placeholder": "85", "autocomplete": "off"}),
    )
    pattern = forms.CharField(
        label="File names",
        max_length=PATTERN_LENGTH,
        required=False,
        strip=True,
        initial=DEFAULT,
        help_text=_HELP,
        widget=forms.TextInput(attrs={"class": "mono", "autocomplete": "off", "spellcheck": "false"}),
    )
    parts = Choice(label="Parts", choices=_PARTS, initial="0")
    only_new = forms.BooleanField(label="Only what is new since my last download of this", required=False)

    def clean_pattern(self) -> str:
        """Refuse what could not name files."""
        text: str = self.cleaned_data["pattern"] or DEFAULT
        try:
            Pattern(text)
        except BadPattern as error:
            raise forms.ValidationError(error.message) from error
        return text

    def wish(self) -> Wish:
        """Return what was asked for; options of a conversion count only for one."""
        data: dict[str, Any] = self.cleaned_data
        what = What(data["what"])
        is_converted = what == What.CONVERTED
        return Wish(
            what=what,
            format=data["format"] if is_converted else "",
            side=(int(data["side"]) or None) if is_converted else None,
            quality=data["quality"] if is_converted else None,
            pattern=data["pattern"],
            part_bytes=int(data["parts"]) * GB or None,
            only_new=data["only_new"],
        )
