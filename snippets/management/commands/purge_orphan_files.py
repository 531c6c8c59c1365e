"""`manage.py purge_orphan_files`: removes stored files that no row names."""

from argparse import ArgumentParser
from collections.abc import Iterator
from datetime import timedelta
from itertools import islice
from typing import Any

from django.core.files.storage import default_storage
from django.core.management.base import BaseCommand, CommandError
from django.db.models import Model
from django.utils import timezone

from accounts.models import User
from snippets.models import Attachment
from uploads.errors import UploadsUnavailableError
from uploads.keys import PROBES

# The folders of the storage, and which field of which rows names the files in them.
FOLDERS: dict[str, tuple[type[Model], str] | None] = {
    "attachments": (Attachment, "file"),
    "previews": (Attachment, "preview"),
    "avatars": (User, "avatar"),
    PROBES: None,
}
BATCH = 500
SUSPICIOUS = 100  # orphans, if they are also the larger part of all files


class Command(BaseCommand):
    help = "Removes stored files that no row names: what was left when an upload, a deletion or the storage failed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only says what would be removed")
        parser.add_argument(
            "--older-than",
            type=float,
            default=24,
            metavar="HOURS",
            help="leaves younger ones alone, which may belong to uploads under way; at least 1, by default 24",
        )
        parser.add_argument("--force", action="store_true", help="also if most of all files would be removed")

    def handle(self, *args: Any, dry_run: bool, older_than: float, force: bool, **options: Any) -> None:
        if older_than < 1:
            raise CommandError(
                "--older-than must be at least 1 hour: a younger file may belong to an upload under way."
            )
        self.seen = 0
        try:
            orphans = [name for folder in FOLDERS for name in self.orphans_in(folder, timedelta(hours=older_than))]
            if len(orphans) > max(SUSPICIOUS, self.seen / 2) and not (force or dry_run):
                raise CommandError(
                    f"{len(orphans)} of {self.seen} files have no row. Is this the database that belongs to this "
                    "storage? Look at them with --dry-run; --force removes them."
                )
            for name in orphans:
                if not dry_run:
                    default_storage.delete(name)
                self.stdout.write(f"{'Would remove' if dry_run else 'Removed'} {name}")
        except UploadsUnavailableError as error:
            raise CommandError(f"The storage of uploads failed: {error}") from error
        self.stdout.write(f"{len(orphans)} orphans among {self.seen} files.")

    def orphans_in(self, folder: str, age: timedelta) -> Iterator[str]:
        """The files without a row that are older. A row that came after the listing is found, too."""
        too_young = timezone.now() - age
        names = _names_in(folder)
        while batch := tuple(islice(names, BATCH)):
            self.seen += len(batch)
            for name in sorted(set(batch) - _known(folder, batch)):
                try:
                    if default_storage.get_modified_time(name) < too_young:
                        yield name
                except FileNotFoundError:  # somebody else has removed it
                    continue


def _names_in(folder: str) -> Iterator[str]:
    """All, one of the small folders of uploads.keys after the other."""
    for small in sorted(_listed(folder)[0]):
        yield from (f"{folder}/{small}/{name}" for name in _listed(f"{folder}/{small}")[1])


def _listed(folder: str) -> tuple[list[str], list[str]]:
    try:
        return default_storage.listdir(folder)
    except FileNotFoundError:  # nothing has been stored there yet
        return [], []


def _known(folder: str, names: tuple[str, ...]) -> set[str]:
    place = FOLDERS[folder]
    if place is None:
        return set()
    model, field = place
    return set(model._default_manager.filter(**{f"{field}__in": names}).values_list(field, flat=True))
