"""What the form of a download asks."""

from typing import Any, Final

from django import forms

from studio.exports.models import PATTERN_LENGTH, Format, What
from studio.exports.naming import DEFAULT, TOKENS, BadPattern, Pattern
from studio.exports.services import Wish

GB: Final = 1000**3
# Fits on FAT disks, in mail gateways, on a DVD: sizes at which people are stopped.
_PARTS: Final = [("", "One file"), *((str(size), f"Parts of {size} GB") for size in (1, 2, 4, 10, 25))]
_SIDES: Final = [
    ("", "As large as it is"),
    *((str(side), f"{side:,} px") for side in (512, 1024, 1200, 1600, 2048, 4096)),
]
_HELP: Final = "Folders with /. You may use " + ", ".join(f"{{{token}}}" for token in TOKENS) + "."


class ExportForm(forms.Form):
    """The options of a download; without any of them it is originals in one file."""

    what = forms.ChoiceField(label="Files", choices=What.choices, required=False)
    format = forms.ChoiceField(label="Convert to", choices=Format.choices, required=False)
    side = forms.ChoiceField(label="Longest side", choices=_SIDES, required=False)
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
    parts = forms.ChoiceField(label="Size", choices=_PARTS, required=False)
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
        what = What(data["what"] or What.ORIGINALS)
        is_converted = what == What.CONVERTED
        return Wish(
            what=what,
            format=(data["format"] or Format.JPEG) if is_converted else "",
            side=int(data["side"]) if is_converted and data["side"] else None,
            quality=data["quality"] if is_converted else None,
            pattern=data["pattern"],
            part_bytes=int(data["parts"]) * GB if data["parts"] else None,
            only_new=data["only_new"],
        )
