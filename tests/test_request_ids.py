"""The id of a request: in its answer, and in what is logged meanwhile."""

import logging
import re

import pytest
from rest_framework.test import APIClient

from api.request_id import RequestIdFilter


@pytest.mark.parametrize("given", ["abcd1234", "A-b_c.9-" * 8])
def test_a_good_id_is_kept(anonymous: APIClient, given: str) -> None:
    assert anonymous.get("/", headers={"X-Request-ID": given})["X-Request-ID"] == given


@pytest.mark.parametrize(
    "given", ["", "short", "a" * 65, "with space", "new\nline8", 'quote"""""', "ünïcödé1", "٣٣٣٣٣٣٣٣"]
)
def test_any_other_is_replaced(anonymous: APIClient, given: str) -> None:
    answers = [anonymous.get("/nothing/", HTTP_X_REQUEST_ID=given)["X-Request-ID"] for _ in range(2)]
    assert all(re.fullmatch("[0-9a-f]{32}", answer) for answer in answers)
    assert answers[0] != answers[1]


def test_what_is_logged_has_it(anonymous: APIClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.handler.addFilter(RequestIdFilter())
    with caplog.at_level(logging.WARNING, "django.request"):
        anonymous.get("/snippets/1/", headers={"X-Request-ID": "logged-1234"})
    assert [record.request_id for record in caplog.records] == ["logged-1234"]  # type: ignore[attr-defined]
