"""Uploads in a folder of this machine."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage

from uploads.errors import UploadsUnavailableError
from uploads.keys import PROBES, random_key


def _translating(method: Callable[..., Any], passing: tuple[type[OSError], ...] = ()) -> Callable[..., Any]:
    """The method, with what the disk refuses as our own error; the errors `passing` are answers and no failures."""

    @wraps(method)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return method(*args, **kwargs)
        except passing:
            raise
        except OSError as error:
            raise UploadsUnavailableError(f"MEDIA_ROOT cannot be used: {error.strerror}") from error

    return call


class LocalStorage(FileSystemStorage):
    """Django's own, which says in one way, as the others do, that it cannot be used."""

    _open = _translating(FileSystemStorage._open, (FileNotFoundError,))  # type: ignore[attr-defined] # the stubs lack it
    _save = _translating(FileSystemStorage._save)  # type: ignore[attr-defined] # the stubs lack it
    delete = _translating(FileSystemStorage.delete)
    size = _translating(FileSystemStorage.size, (FileNotFoundError,))
    listdir = _translating(FileSystemStorage.listdir, (FileNotFoundError,))

    def probe(self) -> None:
        self.delete(self.save(random_key(PROBES), ContentFile(b"ok")))

    def download_url(self, name: str, **options: Any) -> None:
        """There is none: this service sends the file, or the web server in front of it."""
