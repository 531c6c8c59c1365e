"""Many uploads at the same moment."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.db.models import Sum
from rest_framework.test import APIClient

from accounts.models import User
from snippets.models import Attachment, Snippet
from tests.uploading import named, picture, upload

# SQLite has one writer at a time; its tests run in memory, where the others do not even wait.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database("postgresql")]


def at_once(count: int, act: Callable[[int], int]) -> list[int]:
    def run(number: int) -> int:
        try:
            return act(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=count) as pool:
        return list(pool.map(run, range(count)))


def stored_files(settings: Any) -> list[Path]:
    return [path for path in Path(settings.MEDIA_ROOT).rglob("*") if path.is_file()]


@pytest.mark.parametrize("variable", ["USER_UPLOADS_MAX_BYTES", "SNIPPET_UPLOADS_MAX_BYTES"])
def test_together_they_do_not_pass_the_limit(
    owner: User, client_of: Callable[[User], APIClient], settings: Any, variable: str
) -> None:
    setattr(settings, variable, 3500)
    refs = [Snippet.objects.create(owner=owner, code="x").pk for _ in range(8)]
    if variable == "SNIPPET_UPLOADS_MAX_BYTES":
        refs = refs[:1] * 8
    clients = [client_of(owner) for _ in refs]
    statuses = at_once(8, lambda number: upload(clients[number], refs[number], named("a", b"x" * 1000)).status_code)
    assert sorted(statuses) == [201] * 3 + [400] * 5
    assert Attachment.objects.aggregate(sum=Sum("size"))["sum"] == 3000
    assert len(stored_files(settings)) == 3


def test_what_nobody_owns_does_not_pass_its_limit_together(anonymous: APIClient, settings: Any) -> None:
    settings.USER_UPLOADS_MAX_BYTES = 3500
    made = [anonymous.post("/snippets/", {"code": "x"}).json() for _ in range(8)]

    def add(number: int) -> int:
        key = {"HTTP_X_EDIT_KEY": made[number]["edit_key"]}
        return int(upload(APIClient(), made[number]["pk"], named("a", b"x" * 1000), **key).status_code)

    assert sorted(at_once(8, add)) == [201] * 3 + [400] * 5
    assert Attachment.objects.aggregate(sum=Sum("size"))["sum"] == 3000
    assert len(stored_files(settings)) == 3


def test_of_many_avatars_one_stays(owner: User, client_of: Callable[[User], APIClient], settings: Any) -> None:
    clients = [client_of(owner) for _ in range(4)]

    def put(number: int) -> int:
        file = named("me.png", picture(size=(10 + number, 10)))
        answer = clients[number].put("/users/me/avatar/", {"file": file}, format="multipart")
        return int(answer.status_code)

    assert at_once(4, put) == [200] * 4
    (stored,) = stored_files(settings)
    assert str(stored).endswith(User.objects.get(pk=owner.pk).avatar.name)
