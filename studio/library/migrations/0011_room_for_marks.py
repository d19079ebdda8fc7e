import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    """The longest name of a mark, iptc:compositeWithTrainedAlgorithmicMedia, has 41 characters."""

    dependencies = [("library", "0010_what_pictures_were_made_with")]

    operations = [
        migrations.AlterField(
            model_name="asset",
            name="marks",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=60), blank=True, default=list, size=None
            ),
        ),
    ]
