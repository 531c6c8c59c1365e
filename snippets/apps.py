from django.apps import AppConfig
from django.core.management import call_command
from django.db.models.signals import post_migrate


def create_cache_table(using: str, **kwargs: object) -> None:
    """Does nothing where the table is there, or where the cache is not kept in the database."""
    call_command("createcachetable", database=using, verbosity=0)


class SnippetsConfig(AppConfig):
    name = "snippets"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # So that `migrate` is all that a new database needs.
        post_migrate.connect(create_cache_table, sender=self)
