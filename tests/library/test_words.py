"""Texts as search sees them, in every script."""
# ruff: noqa: RUF001  # letters that look alike are what is tried here

import unicodedata

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from studio.library.words import (
    MOST_WORDS,
    WORD_LENGTH,
    begins_word,
    fold,
    sort_name,
    vector_of,
    words_of,
)

# Everything that PostgreSQL can store: no NUL, no halves of surrogate pairs.
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=200)


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Crème BRÛLÉE", "creme brulee"),
        ("Straße", "strasse"),
        ("İstanbul ısı", "istanbul isi"),
        ("Łódź Ærø Þór", "lodz aero thor"),
        ("ＡＢＣ１２３ ｶﾞ", "abc123 ガ"),
        ("ﬁne ²", "fine 2"),
        ("Ελλάς", "ελλασ"),
        ("Ёлка й", "елка и"),
        ("مَرْحَبًا أحمد", "مرحبا احمد"),
        ("שָׁלוֹם", "שלום"),
        ("हिन्दी क्ष", "हिन्दी क्ष"),
        ("がぎ ぱ", "がぎ ぱ"),
        ("Việt Nam", "viet nam"),
        ("soft\u00adhyphen \u202eturned\u202c", "softhyphen turned"),
        ("❤\ufe0f", "❤"),
    ],
)
def test_fold_takes_case_width_and_accents_away(text: str, folded: str) -> None:
    assert fold(text) == folded


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        ("A lighthouse, at dusk!", ["a", "lighthouse", "at", "dusk"]),
        ("IMG_1234-final.JPG", ["img", "1234", "final", "jpg"]),
        ("don't % _ * .", ["don", "t"]),
        ("東京都", ["東京", "京都", "都"]),
        ("猫", ["猫"]),
        ("黒い猫cat", ["黒い", "い猫", "猫", "cat"]),
        ("カメラ 人々", ["カメ", "メラ", "ラ", "人々", "々"]),
        ("한국어", ["한국", "국어", "어"]),
        ("ไทย", ["ไท", "ทย", "ย"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("سلام دنیا", ["سلام", "دنیا"]),
        ("שלום עולם", ["שלום", "עולם"]),
        ("🦊🔥 fox", ["🦊", "🔥", "fox"]),
        ("x" * 100, ["x" * WORD_LENGTH]),
    ],
)
def test_words_of_every_script(text: str, words: list[str]) -> None:
    assert words_of(text) == words


def test_vector_keeps_places_and_leaves_a_gap_between_texts() -> None:
    assert vector_of("sea and sea", "", "sea") == "'sea':1,3,6 'and':2"


@pytest.mark.parametrize(
    ("key", "start", "begins"),
    [
        ("golden hour", "hour", True),
        ("golden hour", "our", False),
        ("wip-hero", "hero", True),
        ("superhero hero", "hero", True),
        ("superhero", "hero", False),
        ("東京", "京", True),
        ("%", "%", True),
    ],
)
def test_word_begins_at_its_beginning(key: str, start: str, begins: bool) -> None:
    assert begins_word(key, start) is begins


def test_names_sort_by_the_size_of_their_numbers() -> None:
    names = ["Image 10", "image 9", "Élan", "Zoo", "image 9b"]
    assert sorted(names, key=sort_name) == ["Élan", "image 9", "image 9b", "Image 10", "Zoo"]
    numbers = ["", "0", "1", "9", "10", "99", "1234567890", "9999999999", "10000000000", "9" * 70, "a"]
    assert sorted(set(numbers), key=sort_name) == numbers
    assert sort_name("IMG_0042.jpg") == sort_name("img_42.JPG")


@given(TEXTS)
def test_folding_twice_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(TEXTS)
def test_words_hold_no_sign_of_the_vector_grammar(text: str) -> None:
    for word in words_of(text):
        assert 0 < len(word.encode()) < 2048
        assert not set(word) & set(" '\\:,/*&|!<>()\t\n")
        assert not any(unicodedata.category(char).startswith(("Z", "C")) for char in word if char.isspace())


@pytest.mark.django_db
@given(st.lists(TEXTS, min_size=1, max_size=4))
def test_every_text_is_a_vector_and_finds_itself(texts: list[str]) -> None:
    words = {word for text in texts for word in words_of(text)}
    with connection.cursor() as cursor:
        cursor.execute("SELECT tsvector_to_array(%s::tsvector)", [vector_of(*texts)])
        [(stored,)] = cursor.fetchall()
        cursor.execute(
            "SELECT count(*) FROM unnest(tsvector_to_array(library_words_of_team(%s::tsvector, 7))) AS word "
            "WHERE word LIKE '7/%%' AND substr(word, 3) = ANY(%s)",
            [vector_of(*texts), list(words)],
        )
        [(prefixed,)] = cursor.fetchall()
    assert set(stored) == words
    assert prefixed == len(words)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "text",
    [
        "sea " * 20_000,
        " ".join(f"word{number}" for number in range(20_000)),
        " ".join(chr(0x4E00 + number % 20_000) * 3 + str(number) for number in range(20_000)),
        " ".join("𐐀" * 59 + str(number) for number in range(9000)),
    ],
    ids=["one word", "many words", "many pairs", "long words"],
)
def test_endless_text_stays_within_the_limits_of_a_vector(text: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT count(*) FROM unnest(v) WHERE lexeme LIKE '%%/%%'), "
            "(SELECT max(cardinality(positions)) FROM unnest(v)) "
            "FROM library_words_of_team(%s::tsvector, 9223372036854775807) AS v",
            [vector_of(text)],
        )
        [(length, most)] = cursor.fetchall()
    assert 1 <= length <= MOST_WORDS
    assert most <= 256
