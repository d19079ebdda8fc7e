from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("library", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="asset",
            name="preview_tries",
            field=models.PositiveSmallIntegerField(default=0),
        ),
        migrations.AddIndex(
            model_name="asset",
            index=models.Index(
                fields=["id"],
                condition=models.Q(("has_preview", False), ("preview_tries__lt", 3)),
                name="asset_without_preview",
            ),
        ),
    ]
