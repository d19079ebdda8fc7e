"""What templates, styles and scripts promise each other."""

import re
from pathlib import Path

import pytest

from studio.core.static_storage import StaticStorage
from studio.core.templatetags.studio import SHAPES

ROOT = Path(__file__).resolve().parent.parent
STATIC = ROOT / "static"
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
SPRITE = (STATIC / "img" / "icons.svg").read_text()
SYMBOLS = re.findall(r'<symbol id="([a-z0-9-]+)"', SPRITE)


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("template", TEMPLATES, ids=_name)
def test_template_uses_only_icons_of_the_sprite(template):
    text = template.read_text()
    used = set(re.findall(r'{% icon "([a-z0-9-]+)"', text)) | set(re.findall(r'\bicon="([a-z0-9-]+)"', text))
    assert used <= set(SYMBOLS)


def test_sprite_has_no_symbol_that_nothing_uses():
    sources = [*TEMPLATES, *(ROOT / "studio").rglob("*.py")]
    used = set(re.findall(r'"([a-z0-9-]+)"', "\n".join(path.read_text() for path in sources)))
    assert [symbol for symbol in SYMBOLS if symbol not in used] == []


def test_every_component_is_used():
    sources = [*TEMPLATES, *(ROOT / "studio").rglob("*.py")]
    used = set(re.findall(r'"components/([a-z_]+)\.html"', "\n".join(path.read_text() for path in sources)))
    assert [
        part.stem for part in sorted((ROOT / "templates" / "components").glob("*.html")) if part.stem not in used
    ] == []


@pytest.mark.parametrize("template", TEMPLATES, ids=_name)
def test_template_holds_no_inline_style_or_script(template):
    text = re.sub(r"{% comment %}.*?{% endcomment %}", "", template.read_text(), flags=re.DOTALL)
    assert re.findall(r"<style|<script(?![^>]*\ssrc=)|\sstyle=|\son[a-z]+=|\shx-on|javascript:", text) == []


@pytest.mark.parametrize("template", TEMPLATES, ids=_name)
def test_words_of_people_are_cut_off_where_they_end(template):
    """From right to left that is on the left, which only the direction of the element tells a browser."""
    words = r"[^<>]*{{ [\w.]*(?:name|title|caption|label|email|text)\b"
    assert (
        re.findall(
            rf'<\w+ (?![^>]*dir="auto")[^>]*class="[^"]*\bclip\b[^>]*>(?:<\w+[^>]*>)?{words}', template.read_text()
        )
        == []
    )


@pytest.mark.parametrize("part", sorted((ROOT / "templates" / "components").glob("*.html")), ids=_name)
def test_component_starts_with_its_arguments(part):
    assert part.read_text().startswith("{% comment %}")


def test_every_shape_is_drawn_by_the_styles():
    css = (STATIC / "css" / "components" / "pictures.css").read_text()
    drawn = dict(re.findall(r'\[data-ar="(\d+:\d+)"\] {\s+--ar: ([\d.]+);', css))
    assert {shape: round(float(ratio), 3) for shape, ratio in drawn.items()} == {
        shape: round(int(shape.split(":")[0]) / int(shape.split(":")[1]), 3) for shape in SHAPES
    }


@pytest.mark.parametrize("style", sorted((STATIC / "css").rglob("*.css")), ids=_name)
def test_no_style_is_for_whatever_follows(style):
    """A browser then styles everything around anew wherever one comes or goes: the grid with every page."""
    rules = re.sub(r"/\*.*?\*/", "", style.read_text(), flags=re.DOTALL)
    assert re.findall(r"[+~] *\*", rules) == []


def test_old_browsers_get_the_light_column():
    tokens = (STATIC / "css" / "tokens.css").read_text()
    both, fallback = tokens.split("@supports not (color: light-dark(#000, #fff))")
    pattern = re.compile(r"light-dark\(((?:[^(),]|\([^()]*\))+),(?:[^()]|\([^()]*\))+\)")
    wanted = {
        name: pattern.sub(lambda pair: pair[1].strip(), value)
        for name, value in re.findall(r"(--[\w-]+):\s*([^;]+);", both)
        if "light-dark(" in value
    }
    light = fallback.split('[data-theme="light"]')[0]
    assert dict(re.findall(r"(--[\w-]+): ([^;]+);", light)) == wanted


def test_every_address_in_styles_and_scripts_resolves(tmp_path, settings):
    settings.STATIC_ROOT = str(tmp_path)
    storage = StaticStorage(location=str(tmp_path))
    paths = {}
    for source in STATIC.rglob("*"):
        if source.is_file():
            name = source.relative_to(STATIC).as_posix()
            target = tmp_path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
            paths[name] = (storage, name)
    outcomes: list[object] = [processed for _, _, processed in storage.post_process(paths)]
    failed = [str(outcome) for outcome in outcomes if isinstance(outcome, Exception)]
    assert failed == []
    tokens = (tmp_path / storage.stored_name("css/tokens.css")).read_text()
    assert re.findall(r'url\("(.*?)"\)', tokens) == [
        f"../{storage.stored_name(f'fonts/geist-{subset}-wght-normal.woff2')}"
        for subset in ("latin", "latin-ext", "cyrillic")
    ]
    viewer = (tmp_path / storage.stored_name("js/viewer.js")).read_text()
    assert f'from "./{Path(storage.stored_name("js/zoom.js")).name}"' in viewer
