"""`manage.py purge_expired`: what it deletes, and what it leaves."""

import io
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from snippets.management.commands import purge_expired
from snippets.models import Attachment, Snippet
from tests.uploading import BINARY, named, picture, upload

Later = Callable[[float], None]


def purge(*options: str) -> str:
    output = io.StringIO()
    call_command("purge_expired", *options, stdout=output)
    return output.getvalue()


def stored_files(settings: Any) -> list[Path]:
    return [path for path in Path(settings.MEDIA_ROOT).rglob("*") if path.is_file()]


@pytest.fixture
def expired(owner: User) -> list[Snippet]:
    """Five that expired an hour ago."""
    then = timezone.now() - timedelta(hours=1)
    return [Snippet.objects.create(owner=owner, code="x\n", expires=then) for _ in range(5)]


@pytest.fixture
def with_files(as_owner: APIClient, owner: User, later: Later) -> None:
    """Three that have expired, and had a picture with its preview each; and one with a file, which has not."""
    for expires_in in (60, 60, 60, 7200):
        made = as_owner.post("/snippets/", {"code": "x\n", "expires_in": expires_in}).json()
        assert upload(as_owner, made["pk"], named("cat.png", picture())).status_code == 201
    later(3600)


def test_what_has_expired_goes_with_its_files_and_the_rest_stays(
    transactional_db: None, with_files: None, snippet: Snippet, settings: Any
) -> None:
    assert len(stored_files(settings)) == 8
    assert purge() == "Deleted 3 snippets with 6 files, and forgot 0 that were opened.\n"
    assert len(stored_files(settings)) == 2
    assert Snippet.objects.count() == 2
    assert purge() == "Deleted 0 snippets with 0 files, and forgot 0 that were opened.\n"


def test_a_dry_run_deletes_nothing(with_files: None, settings: Any) -> None:
    assert purge("--dry-run") == "Would delete 3 snippets with 6 files, and forget 0 that were opened.\n"
    assert (Snippet.objects.count(), len(stored_files(settings))) == (4, 8)


@pytest.mark.parametrize("size", ["1", "2", "5", "10000"])
def test_it_works_in_batches(expired: list[Snippet], snippet: Snippet, size: str) -> None:
    assert purge("--batch-size", size) == "Deleted 5 snippets with 0 files, and forgot 0 that were opened.\n"
    assert Snippet.objects.get() == snippet


@pytest.mark.parametrize("size", ["0", "-1", "10001", "many"])
def test_a_batch_has_a_size(db: None, size: str) -> None:
    with pytest.raises(CommandError, match=r"batch-size"):
        purge("--batch-size", size)


@pytest.mark.parametrize("change", [{"expires": None}, {"expires": timezone.now() + timedelta(days=1)}])
def test_what_is_prolonged_meanwhile_stays(
    expired: list[Snippet], monkeypatch: pytest.MonkeyPatch, change: dict[str, Any]
) -> None:
    """Between one batch and the next."""
    spared = expired[-1]
    delete_batch = purge_expired.Command.delete_batch

    def then_somebody_changes_it(command: Any, size: int) -> int:
        deleted = delete_batch(command, size)
        Snippet.objects.filter(pk=spared.pk).update(**change)
        return deleted

    monkeypatch.setattr(purge_expired.Command, "delete_batch", then_somebody_changes_it)
    assert purge("--batch-size", "2").startswith("Deleted 4 snippets")
    assert Snippet.objects.get() == spared


def test_a_storage_that_fails_keeps_no_row_and_is_told(
    transactional_db: None, with_files: None, settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is asked three times, and then left alone: each question may take its whole deadline."""
    media = Path(settings.MEDIA_ROOT)
    media.rename(media.with_name("away"))
    media.touch()
    with pytest.raises(CommandError, match="6 files are left") as failure:
        purge("--batch-size", "1")
    assert failure.value.returncode == 1
    assert capsys.readouterr().err.count("MEDIA_ROOT cannot be used: Not a directory") == 3
    assert Snippet.objects.count() == 1


def test_a_file_that_is_gone_already_is_no_failure(transactional_db: None, with_files: None, settings: Any) -> None:
    for path in stored_files(settings):
        path.unlink()
    assert purge() == "Deleted 3 snippets with 6 files, and forgot 0 that were opened.\n"


@pytest.mark.django_db(transaction=True)
@pytest.mark.database("postgresql")
def test_what_somebody_is_changing_is_passed_over(expired: list[Snippet]) -> None:
    """Another connection holds a row, as a change of it does."""
    holder = connection.copy()
    try:
        holder.set_autocommit(False)
        with holder.cursor() as cursor:
            cursor.execute("SELECT 1 FROM snippets_snippet WHERE id = %s FOR UPDATE", [expired[2].pk])
        assert purge().startswith("Deleted 4 snippets")
        assert Snippet.objects.get() == expired[2]
        holder.rollback()
    finally:
        holder.close()
    assert purge().startswith("Deleted 1 snippets")


def test_a_batch_costs_few_queries(as_owner: APIClient, expired: list[Snippet], max_queries: Any) -> None:
    for it in expired:
        Attachment.objects.create(snippet=it, file="attachments/ab/none", name="a", size=len(BINARY))
    with max_queries(16):  # whatever there is of them: two batches, the second one empty
        assert purge().startswith("Deleted 5 snippets with 5 files")
