"""Uploads in a folder of Dropbox."""

import math
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

from django.core.files.base import ContentFile
from dropbox import Dropbox
from dropbox.exceptions import ApiError, AuthError, DropboxException
from dropbox.files import FolderMetadata, WriteMode
from requests.exceptions import RequestException
from storages.backends import dropbox

from uploads.errors import UploadsUnavailableError, translating
from uploads.keys import PROBES, random_key

LINK_SECONDS = 4 * 3600


def _is_missing(error: Exception) -> bool:
    return isinstance(error, ApiError) and "not_found" in repr(error.error)


def _reason(error: Exception) -> str:
    """In words for the operator, without what may be a secret."""
    if isinstance(error, AuthError):
        return "Dropbox does not accept the credentials: DROPBOX_APP_KEY, DROPBOX_APP_SECRET, DROPBOX_REFRESH_TOKEN"
    if isinstance(error, RequestException):
        return f"Dropbox cannot be reached ({type(error).__name__})"
    return f"Dropbox failed ({type(error).__name__})"


def _translated(error: Exception) -> Exception:
    """As our own error, or as Python's where a file is not there."""
    if _is_missing(error):
        return FileNotFoundError("There is no such file in Dropbox.")
    return UploadsUnavailableError(_reason(error))


_translating = translating((DropboxException, dropbox.DropboxStorageException, RequestException), _translated)


class DropboxFile(dropbox.DropboxFile):
    """Django-storages' own forgets what is written to it; this one stores it when it is closed."""

    file = property(_translating(dropbox.DropboxFile._get_file), dropbox.DropboxFile._set_file)

    def __init__(self, name: str, storage: "DropboxStorage", mode: str) -> None:
        super().__init__(name, storage)
        self._is_written = "w" in mode
        if self._is_written:
            self._file = BytesIO()

    @_translating
    def close(self) -> None:
        if self._is_written and not self._file.closed:
            self._file.seek(0)
            self._storage.client.files_upload(self._file.read(), self.name, mode=WriteMode.overwrite)
        if self._file is not None:
            self._file.close()


class DropboxStorage(dropbox.DropboxStorage):
    """django-storages' own, with what it leaves out: times, long folders, and one error for all that may fail."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.client = Dropbox(
            app_key=self.app_key,
            app_secret=self.app_secret,
            oauth2_refresh_token=self.oauth2_refresh_token,
            timeout=self.timeout,
            # The library's own would keep a request for minutes, which is killed long before.
            max_retries_on_error=1,
            max_retries_on_rate_limit=0,
        )

    _save = _translating(dropbox.DropboxStorage._save)
    size = _translating(dropbox.DropboxStorage.size)

    def _open(self, name: str, mode: str = "rb") -> DropboxFile:
        return DropboxFile(self._full_path(name), self, mode)

    @_translating
    def exists(self, name: str) -> bool:
        """Django-storages' own takes every failure for a no."""
        try:
            self.client.files_get_metadata(self._full_path(name))
        except ApiError as error:
            if not _is_missing(error):
                raise
            return False
        return True

    @_translating
    def delete(self, name: str) -> None:
        """As everywhere in Django, deleting what is not there is no error."""
        try:
            self.client.files_delete_v2(self._full_path(name))
        except ApiError as error:
            if not _is_missing(error):
                raise

    @_translating
    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        """The folders and the files; of a long folder django-storages' own gives only the beginning."""
        page = self.client.files_list_folder(self._full_path(path))
        entries = list(page.entries)
        while page.has_more:
            page = self.client.files_list_folder_continue(page.cursor)
            entries += page.entries
        folders = [entry.name for entry in entries if isinstance(entry, FolderMetadata)]
        return folders, [entry.name for entry in entries if not isinstance(entry, FolderMetadata)]

    @_translating
    def get_modified_time(self, name: str) -> datetime:
        modified: datetime = self.client.files_get_metadata(self._full_path(name)).server_modified
        return modified.replace(tzinfo=UTC)

    @_translating
    def url(self, name: str) -> str:
        link: str = self.client.files_get_temporary_link(self._full_path(name)).link
        return link

    def probe(self) -> None:
        self.delete(self.save(random_key(PROBES), ContentFile(b"ok")))

    def download_url(self, name: str, *, seconds_left: float = math.inf, **options: Any) -> str | None:
        """Dropbox's own link, which lives four hours; it chooses the name and the type by itself."""
        return self.url(name) if seconds_left >= LINK_SECONDS else None
