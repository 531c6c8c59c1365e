"""The app, and its check for deployments."""

from typing import Any

from django.apps import AppConfig
from django.core.checks import Error, register

from uploads.errors import UploadsUnavailableError
from uploads.storage import upload_storage


def check_storage(app_configs: Any, **kwargs: Any) -> list[Error]:
    """Tries what uploads need. Only for `manage.py check --deploy`: it goes over the network."""
    try:
        upload_storage().probe()
    except UploadsUnavailableError as error:
        return [Error(f"Uploads cannot be stored: {error}.", hint="docs/uploads.md", id="uploads.E001")]
    return []


class UploadsConfig(AppConfig):
    name = "uploads"

    def ready(self) -> None:
        register(check_storage, "uploads", deploy=True)
