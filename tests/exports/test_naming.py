"""Names inside archives: readable, safe on every system, never twice the same."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.exports.naming import DEFAULT, TOKENS, BadPattern, Named, Pattern

PICTURE = Named(
    id=12,
    number=3,
    collection=("Campaigns", "Autumn 2026"),
    date="2026-11-18",
    text="A lighthouse at dusk, long exposure",
    author="Maya Lindqvist",
    model="GPT Image 2",
    status="approved",
    source="generated",
    extension="png",
)
# Everything that a prompt, a title, a person or a collection may be called.
HOSTILE = st.text(
    alphabet=st.one_of(
        st.characters(),
        st.sampled_from('/\\.:*?"<>|{} \u202e\u200f\u2066\x00\x1f\u0085\u2028aAäÄ\uff111-_ßıİ'),
    ),
    max_size=300,
)
DEVICES = ["CON", "prn", "Aux", "nul", "com1", "LPT9", "COM¹", "conin$", "con.txt", "nul .png", "CON  "]


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        (DEFAULT, "Campaigns/Autumn 2026/2026-11-18-a-lighthouse-at-dusk-long-exposure-12.png"),
        ("{id}", "12.png"),
        ("{slug}", "a-lighthouse-at-dusk-long-exposure-12.png"),
        ("{slug}{id}", "a-lighthouse-at-dusk-long-exposure12-12.png"),
        ("{id}-{slug}", "12-a-lighthouse-at-dusk-long-exposure.png"),
        ("{year}/{month}/{number}_{id}", "2026/11/00003_12.png"),
        ("by {author}/{model} {id}", "by Maya Lindqvist/GPT Image 2 12.png"),
        ("{status}-{source}", "approved-generated-12.png"),
        ("{collection} x/{id}", "Campaigns-Autumn 2026 x/12.png"),
    ],
)
def test_pattern_names_a_picture(pattern: str, name: str) -> None:
    assert Pattern(pattern).name(PICTURE) == name


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("", "something between its slashes"),
        ("/{id}", "something between its slashes"),
        ("{slug}/", "something between its slashes"),
        ("a//b", "something between its slashes"),
        ("a/b/c/d/e/f/g/{id}", "at most 6 folders"),
        ("{prompt}", "{prompt} is not known"),
        ("{id:>9999999}", "{id:>9999999} is not known"),
        ("{0.__class__}", "{0.__class__} is not known"),
        ("{id", "a brace that is opened"),
        ("id}", "a brace that is opened"),
        ("..\\{id}", "may not hold"),
        ("c:{id}", "may not hold"),
        ("a\u202eb", "may not hold"),
        ("a\nb", "may not hold"),
        ("../{id}", "called . or .."),
        ("a/./{id}", "called . or .."),
    ],
)
def test_pattern_that_cannot_be_used_is_refused(pattern: str, why: str) -> None:
    with pytest.raises(BadPattern) as refused:
        Pattern(pattern)
    assert why in refused.value.message


def test_picture_without_a_collection_lies_at_the_top() -> None:
    name = Pattern(DEFAULT).name(replace(PICTURE, collection=()))
    assert name == "2026-11-18-a-lighthouse-at-dusk-long-exposure-12.png"


@pytest.mark.parametrize(
    ("collection", "folder"),
    [
        ("..", ""),
        ("../../etc", "_.._etc/"),
        ("a/b\\c", "a_b_c/"),
        ("C:\\Windows", "C__Windows/"),
        ("  trailing. . ", "trailing/"),
        (".hidden", "hidden/"),
        ("gnp.\u202etxt", "gnp.txt_/"),
        ("manifest.json", "manifest.json_/"),
        ("2026-11-18-x-12.PNG", "2026-11-18-x-12.PNG_/"),
        ("line\nbreak\x00", "line break/"),
        ("e\u0301", "\u00e9/"),
        ("👩\u200d🚀", "👩🚀/"),
        ("x" * 300, "x" * 60 + "/"),
        ("富" * 300, "富" * 60 + "/"),
        ("🚀" * 300, "🚀" * 57 + "/"),
        *((device, f"_{' '.join(device.split())}{'_' if '.' in device else ''}/") for device in DEVICES),
    ],
)
def test_collection_becomes_a_safe_folder(collection: str, folder: str) -> None:
    assert Pattern("{collection}/{id}").name(replace(PICTURE, collection=(collection,))) == f"{folder}12.png"


def test_device_is_no_file_name_either() -> None:
    assert Pattern("{id} {model}").name(replace(PICTURE, model="")) == "12.png"
    assert Pattern("con").name(PICTURE) == "con-12.png"
    assert Pattern("con.{status}").name(PICTURE) == "_con.approved-12.png"
    assert Pattern("{author}-{id}").name(replace(PICTURE, author="Aux. Müller")) == "_Aux. Müller-12.png"


@given(
    texts=st.tuples(HOSTILE, HOSTILE, HOSTILE, HOSTILE),
    pattern=st.sampled_from([*(f"{{{t}}}/{{{t}}}" for t in TOKENS)]),
)
def test_no_text_leaves_its_folder_or_breaks_a_name(texts: tuple[str, str, str, str], pattern: str) -> None:
    parent, collection, text, other = texts
    picture = replace(PICTURE, collection=(parent, collection), text=text, author=other, model=other)
    parts = Pattern(pattern).name(picture).split("/")
    assert parts[-1].endswith(".png")
    assert "12" in parts[-1]
    for part in parts:
        assert part
        assert part.strip(" .") == part
        assert len(part) <= 120
        assert len(part.encode()) <= 255
        assert not set(part) & set('<>:"\\|?*')
        assert part.isprintable()
        assert part.partition(".")[0].rstrip().casefold() not in {"con", "prn", "aux", "nul", "com1", "lpt1"}


@given(
    text=HOSTILE,
    other=HOSTILE,
    pattern=st.sampled_from([DEFAULT, "{slug}", "{slug}{id}", "{author}{number}", "{id}-{model}"]),
)
def test_two_pictures_never_share_a_name(text: str, other: str, pattern: str) -> None:
    made = Pattern(pattern)
    pictures = [
        replace(PICTURE, id=pk, number=pk, text=text, author=other, model=other, collection=(other,))
        for pk in (1, 2, 11, 12, 112, 1112)
    ]
    names = {made.name(picture).casefold() for picture in pictures}
    pictures[0] = replace(pictures[0], text=f"{text}1", author=f"{other}11", model=other + "2")
    assert len(names | {made.name(pictures[0]).casefold()}) >= len(pictures)
    assert len({made.name(picture).casefold() for picture in pictures}) == len(pictures)
