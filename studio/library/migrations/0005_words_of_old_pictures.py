"""Make pictures that were there before searchable; the trigger does the rest."""

from django.db import migrations

from studio.library.words import sort_name, vector_of

_AT_ONCE = 1000


def fill(apps, _schema_editor):
    assets = apps.get_model("library", "Asset").objects
    last = 0
    while rows := list(assets.filter(pk__gt=last).order_by("pk").only("pk", "prompt")[:_AT_ONCE]):
        for asset in rows:
            asset.words, asset.sort_name = vector_of(asset.prompt), sort_name(asset.prompt[:200])
        assets.bulk_update(rows, ["words", "sort_name"])
        last = rows[-1].pk


class Migration(migrations.Migration):
    dependencies = [("library", "0004_search_triggers")]
    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
