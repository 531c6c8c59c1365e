"""What a change of a snippet replaces, and what a snippet is a copy of."""

import importlib

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import snippets.validators

search = importlib.import_module("snippets.migrations.0002_search")


def user():
    return models.ForeignKey(
        editable=False,
        null=True,
        on_delete=django.db.models.deletion.SET_NULL,
        related_name="+",
        to=settings.AUTH_USER_MODEL,
    )


class Migration(migrations.Migration):
    dependencies = [
        ("snippets", "0003_attachment"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RunPython(search.drop, search.create),
        migrations.AddField(
            "snippet", "revision", models.PositiveIntegerField(default=1, db_default=1, editable=False)
        ),
        migrations.AddField(
            "snippet",
            "revision_message",
            models.CharField(
                blank=True,
                default="",
                db_default="",
                editable=False,
                max_length=200,
                validators=[snippets.validators.validate_single_line],
            ),
        ),
        migrations.AddField("snippet", "revised", models.DateTimeField(editable=False, null=True)),
        migrations.AddField("snippet", "revised_by", user()),
        migrations.AddField(
            "snippet",
            "forked_from",
            models.ForeignKey(
                db_index=False,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="forks",
                to="snippets.snippet",
            ),
        ),
        migrations.AddIndex(
            "snippet",
            models.Index(
                condition=models.Q(("forked_from__isnull", False)),
                fields=["forked_from", "created", "id"],
                name="snippet_forked_from_created",
            ),
        ),
        migrations.RunPython(search.create, search.drop),
        migrations.CreateModel(
            name="Revision",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.PositiveIntegerField()),
                ("title", models.CharField(blank=True, max_length=200)),
                ("description", models.TextField(blank=True, max_length=5000)),
                ("filename", models.CharField(blank=True, max_length=255)),
                ("code", models.TextField()),
                ("language", models.CharField(max_length=50)),
                ("size", models.PositiveIntegerField(help_text="Bytes of UTF-8.")),
                ("lines", models.PositiveIntegerField()),
                ("message", models.CharField(blank=True, max_length=200)),
                ("created", models.DateTimeField()),
                ("author", user()),
                (
                    "snippet",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="replaced", to="snippets.snippet"
                    ),
                ),
            ],
            options={"ordering": ["-number"]},
        ),
        migrations.AddConstraint(
            "revision", models.UniqueConstraint(fields=("snippet", "number"), name="revision_number")
        ),
    ]
