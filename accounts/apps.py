from collections.abc import Collection
from importlib import import_module

from django.apps import AppConfig
from django.db.models.signals import post_delete, post_save

from api.response_cache import forget_all


def forget_answers(created: bool = False, update_fields: Collection[str] | None = None, **kwargs: object) -> None:
    """A user is named in the answers of any snippets, and takes his own snippets and stars with him."""
    if not created and (update_fields is None or "username" in update_fields):
        forget_all()


class AccountsConfig(AppConfig):
    name = "accounts"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        import_module("accounts.schema")  # registers itself with the OpenAPI generator
        user = self.get_model("User")
        post_save.connect(forget_answers, sender=user)
        post_delete.connect(forget_answers, sender=user)
