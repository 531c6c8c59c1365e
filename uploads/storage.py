"""The storage of uploads, whichever STORAGE names."""

import math
from typing import Protocol, cast

from django.core.files.storage import default_storage


class UploadStorage(Protocol):
    """What each of them can do besides being one of Django's."""

    def probe(self) -> None:
        """UploadsUnavailableError, saying why, where nothing can be stored."""

    def download_url(
        self, name: str, *, filename: str, media_type: str, inline: bool, method: str, seconds_left: float = math.inf
    ) -> str | None:
        """Where the storage itself gives out the file, for at most `seconds_left`; None where it cannot."""


def upload_storage() -> UploadStorage:
    return cast(UploadStorage, default_storage)
