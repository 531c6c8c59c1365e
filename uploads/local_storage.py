"""Uploads in a folder of this machine."""

from pathlib import Path
from typing import Any

from django.core.files.base import ContentFile, File
from django.core.files.storage import FileSystemStorage

from uploads.errors import UploadsUnavailableError, translating
from uploads.keys import PROBES, is_random, random_key


def _unavailable(error: OSError) -> UploadsUnavailableError:
    return UploadsUnavailableError(f"MEDIA_ROOT cannot be used: {error.strerror}")


def _unless_missing(error: OSError) -> UploadsUnavailableError | None:
    return None if isinstance(error, FileNotFoundError) else _unavailable(error)


_writing = translating((OSError,), _unavailable)
_reading = translating((OSError,), _unless_missing)


class LocalStorage(FileSystemStorage):
    """Django's own, which says in one way, as the others do, that it cannot be used."""

    _save = _writing(FileSystemStorage._save)  # type: ignore[attr-defined] # the stubs lack it
    delete = _writing(FileSystemStorage.delete)
    listdir = _reading(FileSystemStorage.listdir)

    @_reading
    def _open(self, name: str, mode: str = "rb") -> File:
        self._find_folder(name)
        return super()._open(name, mode)  # type: ignore[misc] # the stubs lack it

    @_reading
    def size(self, name: str) -> int:
        self._find_folder(name)
        return super().size(name)

    def _find_folder(self, name: str) -> None:
        """The folders of uploads are never removed: where one is gone, the disk is, and not that file alone. MEDIA_ROOT
        itself may be there again, made by `probe`."""
        if is_random(name) and not Path(self.path(name)).parents[1].is_dir():
            raise UploadsUnavailableError("MEDIA_ROOT cannot be used: the folders of earlier uploads are gone")

    def probe(self) -> None:
        self.delete(self.save(random_key(PROBES), ContentFile(b"ok")))

    def download_url(self, name: str, **options: Any) -> None:
        """There is none: this service sends the file, or the web server in front of it."""
