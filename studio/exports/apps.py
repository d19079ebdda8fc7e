from django.apps import AppConfig


class ExportsConfig(AppConfig):
    name = "studio.exports"

    def ready(self) -> None:
        """Keep the files of a live export from being purged."""
        from studio.exports.models import held_by_exports  # noqa: PLC0415  # no model before all apps are known
        from studio.library import binning  # noqa: PLC0415  # likewise

        if held_by_exports not in binning.guards:
            binning.guards.append(held_by_exports)
