"""How static files are collected."""

from collections.abc import Iterator, Mapping
from typing import Any

from whitenoise.storage import CompressedManifestStaticFilesStorage


class StaticStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # WhiteNoise's storage is untyped
    """Files named by their contents, also where one script imports another: an upgrade never mixes two versions."""

    support_js_module_import_aggregation = True

    def post_process(self, paths: Mapping[str, Any], *args: Any, **options: Any) -> Iterator[tuple[str, str, bool]]:
        """Leave django-htmx's own scripts alone: no page loads them, and their comments read like imports."""
        ours = {name: path for name, path in paths.items() if not name.startswith("django_htmx/")}
        yield from super().post_process(ours, *args, **options)
