"""Removing stored files whose row is gone, or never came."""

import logging
import time
from collections.abc import Iterable
from functools import partial

from django.core.files.storage import default_storage
from django.db import transaction

from uploads.errors import UploadsUnavailableError

logger = logging.getLogger(__name__)

PATIENCE = 5.0  # seconds that a request waits for its files to be removed


def remove(names: Iterable[str]) -> None:
    """Removes what it can in a short time. What it leaves is an orphan, which `purge_orphan_files` finds."""
    left = [name for name in names if name]
    deadline = time.monotonic() + PATIENCE
    try:
        while left and time.monotonic() < deadline:
            default_storage.delete(left[-1])
            left.pop()
    except UploadsUnavailableError as error:
        logger.error("Stored files cannot be removed: %s", error)
    if left:
        logger.warning("%d stored files are left for manage.py purge_orphan_files", len(left))


def remove_after_commit(names: Iterable[str]) -> None:
    """Removes the files once their rows are gone for good."""
    transaction.on_commit(partial(remove, list(names)))
