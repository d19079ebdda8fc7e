"""What the pages of tags and collections accept; names are judged by the services, which know the rules."""

from typing import Any

from django import forms
from django.http import QueryDict

from studio.core.errors import BadInput
from studio.core.keys import read_keys
from studio.library.collecting import DESCRIPTION_LENGTH, MOST_COLLECTIONS
from studio.library.collecting import NAME_LENGTH as COLLECTION_NAME_LENGTH
from studio.library.filing import find_tag, outer_collections
from studio.library.models import Collection, Tag
from studio.library.tagging import HUE_NAMES
from studio.library.tagging import NAME_LENGTH as TAG_NAME_LENGTH
from studio.teams.models import Team


class TagForm(forms.Form):
    """A tag's name and colour."""

    name = forms.CharField(
        help_text="Case and accents make no other tag.",
        widget=forms.TextInput(attrs={"maxlength": TAG_NAME_LENGTH, "autocomplete": "off", "autofocus": True}),
    )
    hue = forms.ChoiceField(
        label="Colour", choices=list(enumerate(HUE_NAMES)), required=False, widget=forms.RadioSelect
    )

    def clean_hue(self) -> int:
        """Return its number; none chosen is plain."""
        return int(self.cleaned_data["hue"] or 0)


class MergeForm(forms.Form):
    """The tag that another one is merged into, by its name."""

    into = forms.CharField(
        label="Into",
        help_text="The other tag's name.",
        widget=forms.TextInput(
            attrs={"maxlength": TAG_NAME_LENGTH, "autocomplete": "off", "list": "tag-names", "autofocus": True}
        ),
    )

    def __init__(self, data: QueryDict | None, *, tag: Tag) -> None:
        super().__init__(data)
        self._tag = tag

    def clean_into(self) -> Tag:
        """Find the tag of that name."""
        name: str = self.cleaned_data["into"]
        found = find_tag(self._tag.team, name)
        if found is None:
            raise forms.ValidationError(f"There is no tag {name[:TAG_NAME_LENGTH]}.")
        if found == self._tag:
            raise forms.ValidationError("That is this tag itself. Name another one.")
        return found


class CollectionForm(forms.Form):
    """A collection's name, what it is for, and where it stands."""

    name = forms.CharField(
        widget=forms.TextInput(attrs={"maxlength": COLLECTION_NAME_LENGTH, "autocomplete": "off", "autofocus": True})
    )
    description = forms.CharField(
        required=False, widget=forms.Textarea(attrs={"rows": 3, "maxlength": DESCRIPTION_LENGTH})
    )

    def __init__(
        self, data: QueryDict | None, *, team: Team, collection: Collection | None = None, **more: Any
    ) -> None:
        super().__init__(data, **more)
        self.fields["parent"] = forms.ModelChoiceField(
            label="Inside",
            queryset=outer_collections(team, but=collection),
            required=False,
            empty_label="No other collection",
        )


def read_ids(data: QueryDict, name: str, *, most: int = MOST_COLLECTIONS) -> list[int]:
    """Read a field of repeated ids, each once; raises BadInput for what is no id."""
    values = data.getlist(name)
    if len(values) > most:
        raise BadInput(f"At most {most:,} can be chosen at once.")
    ids = read_keys(values)
    if ids is None:
        raise BadInput("What was chosen is not on this page.")
    return ids


def read_id(data: QueryDict, name: str) -> int:
    """Read one id; raises BadInput when there is none."""
    ids = read_ids(data, name, most=1)
    if not ids:
        raise BadInput("Nothing was chosen.")
    return ids[0]
