"""`manage.py purge_expired`: deletes what has expired, with its files, and forgets what was opened long ago."""

from argparse import ArgumentParser
from collections.abc import Iterable
from typing import Any

from django.core.files.storage import default_storage
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone

from snippets.lifetimes import OpenedSnippet
from snippets.models import Snippet
from snippets.querysets import stored_names
from uploads.errors import UploadsUnavailableError

FAILURES = 3  # in a row, after which the storage is not asked any more: each may take its whole deadline


class Command(BaseCommand):
    help = "Deletes expired snippets and their files. Several may run at once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only says what would be deleted")
        parser.add_argument(
            "--batch-size", type=int, default=200, metavar="N", help="snippets in one transaction, by default 200"
        )

    def handle(self, *args: Any, dry_run: bool, batch_size: int, **options: Any) -> None:
        if not 1 <= batch_size <= 10_000:
            raise CommandError("--batch-size must be from 1 to 10000.")
        forgotten = OpenedSnippet.objects.filter(expires__lte=timezone.now())
        if dry_run:
            snippets, files = Snippet.objects.expired().count(), len(stored_names(Snippet.objects.expired()))
            self.stdout.write(
                f"Would delete {snippets} snippets with {files} files, and forget {forgotten.count()} that were opened."
            )
            return
        self.removed, self.left, self.failures = 0, 0, 0
        deleted = 0
        while batch := self.delete_batch(batch_size):
            deleted += batch
        opened, _ = forgotten.delete()
        self.stdout.write(
            f"Deleted {deleted} snippets with {self.removed} files, and forgot {opened} that were opened."
        )
        if self.left:
            raise CommandError(f"{self.left} files are left for manage.py purge_orphan_files: their storage failed.")

    def delete_batch(self, size: int) -> int:
        """How many snippets it has deleted. What another process works on, or somebody changes right now, it skips."""
        with transaction.atomic():
            # Locked before it is looked at again: one that shall live on after all is no longer among them.
            expired = Snippet.objects.expired().order_by("expires").select_for_update(skip_locked=True)
            batch = Snippet.objects.filter(pk__in=list(expired.values_list("pk", flat=True)[:size]))
            names = stored_names(batch)
            _, rows = batch.delete_rows()
        self.remove(names)
        return rows.get("snippets.Snippet", 0)

    def remove(self, names: Iterable[str]) -> None:
        """Removes the files of rows that are gone; counts those that the storage keeps."""
        for name in names:
            if self.failures >= FAILURES:
                self.left += 1
                continue
            try:
                default_storage.delete(name)
                self.removed, self.failures = self.removed + 1, 0
            except UploadsUnavailableError as error:
                self.left, self.failures = self.left + 1, self.failures + 1
                self.stderr.write(f"{name}: {error}")
