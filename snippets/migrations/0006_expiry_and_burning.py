"""When a snippet ends, and that one was opened."""

import importlib

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

search = importlib.import_module("snippets.migrations.0002_search")


class Migration(migrations.Migration):
    dependencies = [
        ("snippets", "0005_stars_comments_tags"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RunPython(search.drop, search.create),
        migrations.AddField(model_name="snippet", name="expires", field=models.DateTimeField(blank=True, null=True)),
        migrations.AddField(
            model_name="snippet",
            name="burn_after_read",
            field=models.BooleanField(db_default=False, default=False, verbose_name="burn after reading"),
        ),
        migrations.AddIndex(
            model_name="snippet",
            index=models.Index(
                condition=models.Q(("expires__isnull", False)), fields=["expires"], name="snippet_expires"
            ),
        ),
        migrations.AddIndex(
            model_name="snippet",
            index=models.Index(fields=["visibility", "expires"], name="snippet_visibility_expires"),
        ),
        migrations.AddConstraint(
            model_name="snippet",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("burn_after_read", False), models.Q(("visibility", "public"), _negated=True), _connector="OR"
                ),
                name="snippet_burning_is_not_public",
            ),
        ),
        migrations.RunPython(search.create, search.drop),
        migrations.CreateModel(
            name="OpenedSnippet",
            fields=[
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("slug", models.CharField(max_length=22, unique=True)),
                ("edit_key_digest", models.CharField(blank=True, default="", max_length=64)),
                ("opened", models.DateTimeField()),
                ("expires", models.DateTimeField(db_index=True)),
                (
                    "owner",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
    ]
