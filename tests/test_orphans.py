"""Stored files that no row names, and the command that removes them."""

import io
import os
import time
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from rest_framework.test import APIClient

from snippets.models import Attachment, Snippet
from tests.uploading import body, named, picture, upload
from uploads.keys import random_key


def purge(*options: str) -> str:
    output = io.StringIO()
    call_command("purge_orphan_files", *options, stdout=output)
    return output.getvalue()


def store(folder: str, hours: float) -> str:
    """A file without a row, stored so long ago."""
    name = default_storage.save(random_key(folder), ContentFile(b"x"))
    then = time.time() - hours * 3600
    os.utime(default_storage.path(name), (then, then))
    return name


def age_everything(settings: Any, hours: float) -> None:
    then = time.time() - hours * 3600
    for path in Path(settings.MEDIA_ROOT).rglob("*"):
        os.utime(path, (then, then))


@pytest.mark.parametrize("folder", ["attachments", "previews", "avatars", "probes"])
def test_an_old_orphan_goes_and_a_young_one_stays(db: None, folder: str) -> None:
    old, young = store(folder, 25), store(folder, 23)
    assert f"Removed {old}\n" in purge()
    assert not default_storage.exists(old)
    assert default_storage.exists(young)
    assert purge("--older-than", "22.5").endswith("1 orphans among 1 files.\n")


def test_what_a_row_names_stays(as_owner: APIClient, snippet: Snippet, settings: Any) -> None:
    (made,) = upload(as_owner, snippet.pk, named("cat.png", picture())).json()
    as_owner.put("/users/me/avatar/", {"file": named("me.png", picture())}, format="multipart")
    age_everything(settings, 1000)
    assert purge() == "0 orphans among 3 files.\n"
    assert body(as_owner.get(made["content"])) == picture()
    assert as_owner.get(made["preview"]).status_code == 200
    assert as_owner.get("/users/owner/avatar/").status_code == 200
    Attachment.objects.all()._raw_delete("default")  # the row goes, and nobody tells the storage
    assert purge().endswith("2 orphans among 3 files.\n")
    assert as_owner.get("/users/owner/avatar/").status_code == 200


def test_a_dry_run_removes_nothing(db: None) -> None:
    old = store("attachments", 25)
    assert purge("--dry-run") == f"Would remove {old}\n1 orphans among 1 files.\n"
    assert default_storage.exists(old)


def test_other_files_in_the_storage_are_nobody_s_business(db: None, settings: Any) -> None:
    default_storage.save("backup.tar", ContentFile(b"x"))
    default_storage.save("other/ab/file", ContentFile(b"x"))
    age_everything(settings, 1000)
    assert purge() == "0 orphans among 0 files.\n"
    assert default_storage.exists("backup.tar")


def test_younger_than_an_hour_is_never_removed(db: None) -> None:
    with pytest.raises(CommandError, match="at least 1 hour"):
        purge("--older-than", "0.5")


def test_it_works_in_batches(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    from snippets.management.commands import purge_orphan_files

    monkeypatch.setattr(purge_orphan_files, "BATCH", 3)
    for _ in range(10):
        store("attachments", 25)
    assert purge().endswith("10 orphans among 10 files.\n")


def test_the_wrong_database_empties_no_storage(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    from snippets.management.commands import purge_orphan_files

    monkeypatch.setattr(purge_orphan_files, "SUSPICIOUS", 3)
    for _ in range(4):
        store("attachments", 25)
    with pytest.raises(CommandError, match="4 of 4 files have no row"):
        purge()
    assert purge("--dry-run").endswith("4 orphans among 4 files.\n")
    assert purge("--force").endswith("4 orphans among 4 files.\n")
    assert purge() == "0 orphans among 0 files.\n"


def test_a_storage_that_fails_ends_it_with_the_reason(db: None, settings: Any, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    settings.MEDIA_ROOT = str(tmp_path / "file")
    with pytest.raises(CommandError, match="MEDIA_ROOT cannot be used: Not a directory"):
        purge()
