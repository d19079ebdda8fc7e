from datetime import UTC, date, datetime
from decimal import Decimal
from types import SimpleNamespace

import pytest
import time_machine
from django import forms
from django.template import Context, Template

from studio.core.templatetags import studio

NOW = datetime(2026, 11, 20, 12, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("amount", "shown"), [(2418, "2,418"), (-24, "\N{MINUS SIGN}24"), (0, "0"), (-1234567, "\N{MINUS SIGN}1,234,567")]
)
def test_credits_are_grouped_with_a_real_minus(amount, shown):
    assert studio.credit_amount(amount) == shown


@pytest.mark.parametrize(("amount", "shown"), [(500, "+500"), (-2400, "\N{MINUS SIGN}2,400"), (0, "0")])
def test_signed_shows_the_direction(amount, shown):
    assert studio.signed(amount) == shown


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1000, "1 KB"),
        (412_345, "412 KB"),
        (999_499, "999 KB"),
        (999_501, "1 MB"),
        (7_912_345, "7.9 MB"),
        (38_400_000, "38.4 MB"),
        (38_000_000_000, "38 GB"),
        (5_000_000_000_000_000, "5,000 TB"),
    ],
)
def test_filesize_uses_decimal_units(size, shown):
    assert studio.filesize(size) == shown


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        ("0", "$0.00"),
        ("0.05300", "$0.053"),
        ("0.00474", "$0.0047"),
        ("0.42816", "$0.428"),
        ("1.5", "$1.50"),
        ("1234.50000", "$1,234.50"),
    ],
)
def test_usd_shows_cents_and_parts_of_one_where_they_count(amount, shown):
    assert studio.usd(Decimal(amount)) == shown


def test_day_of_is_a_day_without_a_time():
    assert studio.day_of(date(2026, 12, 1)) == "1 Dec 2026"


@pytest.mark.parametrize(
    ("size", "shown"), [("1024x1536", "1024 \N{MULTIPLICATION SIGN} 1536"), ("auto", "Auto"), ("", "")]
)
def test_pixels_reads_a_size(size, shown):
    assert studio.pixels(size) == shown


@pytest.mark.parametrize(
    ("moment", "shown"),
    [
        (datetime(2026, 11, 20, 12, 4, tzinfo=UTC), "12:04"),
        (datetime(2026, 11, 20, 0, 0, tzinfo=UTC), "00:00"),
        (datetime(2026, 11, 19, 17, 40, tzinfo=UTC), "Thu 17:40"),
        (datetime(2026, 11, 14, 9, 5, tzinfo=UTC), "Sat 09:05"),
        (datetime(2026, 11, 13, 23, 59, tzinfo=UTC), "13 Nov 2026"),
        (datetime(2026, 11, 21, 8, 0, tzinfo=UTC), "21 Nov 2026"),
    ],
)
def test_when_shortens_by_age(moment, shown):
    with time_machine.travel(NOW, tick=False):
        html = studio.when(moment)
    assert html == (
        f'<time datetime="{moment.isoformat()}" data-when="short"'
        f' title="{moment.day} Nov 2026 {moment:%H:%M}">{shown}</time>'
    )


def test_moment_is_written_in_full():
    html = studio.moment(datetime(2026, 11, 18, 14, 2, tzinfo=UTC))
    assert html.startswith('<time datetime="2026-11-18T14:02:00+00:00" data-when="full" title="18 Nov 2026 14:02">')
    assert html.endswith(">18 Nov 2026, 14:02</time>")


def test_clock_shows_the_time_of_day():
    assert studio.clock(datetime(2026, 11, 18, 14, 2, tzinfo=UTC)) == (
        '<time datetime="2026-11-18T14:02:00+00:00" data-when="clock" title="18 Nov 2026 14:02">14:02</time>'
    )


@pytest.mark.parametrize(
    ("moment", "shown"),
    [
        (datetime(2026, 11, 20, 0, 1, tzinfo=UTC), "Today"),
        (datetime(2026, 11, 19, 23, 59, tzinfo=UTC), "Yesterday"),
        (datetime(2026, 11, 18, 12, 0, tzinfo=UTC), "Wed 18 Nov"),
        (datetime(2025, 12, 31, 12, 0, tzinfo=UTC), "31 Dec 2025"),
    ],
)
def test_day_heads_a_feed(moment, shown):
    with time_machine.travel(NOW, tick=False):
        assert studio.day(moment) == shown


@pytest.mark.parametrize(
    ("name", "shown"), [("Maya Lindqvist", "ML"), ("maya", "M"), ("Ana de la Cruz", "AC"), ("", "?"), ("  ", "?")]
)
def test_initials_take_first_and_last_word(name, shown):
    assert studio.initials(name) == shown


def test_hue_is_stable_and_uses_every_colour():
    assert studio.hue("maya@halden.example") == studio.hue("maya@halden.example")
    assert {studio.hue(number) for number in range(100)} == {1, 2, 3, 4, 5, 6}


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        ("1024x1024", "1:1"),
        ("1024x1536", "2:3"),
        ("1536x1024", "3:2"),
        ("9:16", "9:16"),
        ("3840x2160", "16:9"),
        ("4000x1000", "3:1"),
        ("auto", "1:1"),
        ("0x0", "1:1"),
        (SimpleNamespace(width=1080, height=1350), "4:5"),
        (SimpleNamespace(width=0, height=1350), "1:1"),
    ],
)
def test_aspect_finds_the_nearest_known_shape(value, shape):
    assert studio.aspect(value) == shape


def test_icon_points_into_the_sprite():
    html = Template('{% load studio %}{% icon "x" "i-lg" %}{% icon name %}').render(Context({"name": '"><b>'}))
    assert html == (
        '<svg class="i i-lg" aria-hidden="true"><use href="/static/img/icons.svg#x"/></svg>'
        '<svg class="i" aria-hidden="true"><use href="/static/img/icons.svg#&quot;&gt;&lt;b&gt;"/></svg>'
    )


def test_icon_that_is_drawn_holds_the_shapes_of_its_symbol():
    html = Template('{% load studio %}{% icon "heart" "on" is_drawn=True %}').render(Context())
    assert html.startswith('<svg class="i on" viewBox="0 0 24 24" aria-hidden="true"><path d="M2 9.5a5.5 ')
    assert html.endswith('" /></svg>')
    assert "<use" not in html


class Sample(forms.Form):
    name = forms.CharField()
    note = forms.CharField(widget=forms.Textarea(attrs={"rows": 2, "class": "mono"}))
    role = forms.ChoiceField(choices=[("1", "One")])
    agreed = forms.BooleanField()
    shape = forms.ChoiceField(choices=[("1", "One")], widget=forms.RadioSelect)
    email = forms.EmailField(widget=forms.EmailInput(attrs={"placeholder": "Email address"}))
    address = forms.EmailField(widget=forms.EmailInput(attrs={"placeholder": "nils@halden.example"}))


@pytest.mark.parametrize(
    ("name", "kind", "classes"),
    [
        ("name", "text", 'class="input large"'),
        ("note", "text", 'class="textarea mono large"'),
        ("role", "select", 'class="select large"'),
        ("agreed", "check", ""),
        ("shape", "text", ""),
    ],
)
def test_control_looks_like_its_widget(name, kind, classes):
    field = Sample()[name]
    html = studio.control(field, "large")
    assert studio.kind(field) == kind
    assert classes in html if classes else "class=" not in html


def test_control_that_was_refused_takes_the_focus():
    assert " autofocus" in studio.control(Sample({})["email"])
    assert "autofocus" not in studio.control(Sample()["email"])


@pytest.mark.parametrize(("name", "placeholder"), [("email", ""), ("address", "nils@halden.example")])
def test_control_drops_a_placeholder_that_repeats_the_label(name, placeholder):
    assert f'placeholder="{placeholder}"' in studio.control(Sample()[name])


@pytest.mark.parametrize(
    ("prompt", "shown"),
    [
        ("Amber bottle on stone. Late sun.", "Amber bottle on stone."),
        ("One line\nand another", "One line"),
        ("", "Picture without a prompt"),
        ("a" * 200, "a" * 139 + "\N{HORIZONTAL ELLIPSIS}"),
    ],
)
def test_alt_is_the_first_sentence(prompt, shown):
    assert studio.alt(prompt) == shown


@pytest.mark.parametrize("is_open", [True, False])
def test_sign_up_is_open_follows_the_setting(settings, is_open):
    settings.OPEN_SIGNUP = is_open
    assert studio.sign_up_is_open() is is_open
