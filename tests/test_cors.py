"""Pages of other origins: shut out, but for those that the operator has named."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from snippets.models import Snippet

FRIEND = "https://editor.example.org"


@pytest.fixture
def friend(settings: Any) -> str:
    settings.CORS_ALLOWED_ORIGINS = [FRIEND]
    return FRIEND


def test_no_other_origin_may_read(anonymous: APIClient, snippet: Snippet) -> None:
    response = anonymous.get(f"/snippets/{snippet.pk}/", headers={"Origin": FRIEND})
    assert response.status_code == 200
    assert "Access-Control-Allow-Origin" not in response


def test_a_named_origin_may_read_and_sees_the_headers_that_matter(
    anonymous: APIClient, snippet: Snippet, friend: str
) -> None:
    response = anonymous.get(f"/snippets/{snippet.pk}/", headers={"Origin": friend})
    assert response["Access-Control-Allow-Origin"] == friend
    assert "Access-Control-Allow-Credentials" not in response
    exposed = {name.strip() for name in response["Access-Control-Expose-Headers"].split(",")}
    assert exposed >= {"Link", "ETag", "Location", "Retry-After"}


def test_a_named_origin_may_ask_to_write_and_others_may_not(anonymous: APIClient, friend: str) -> None:
    for origin, allowed in ((friend, True), ("https://evil.example.org", False)):
        asked = {"Origin": origin, "Access-Control-Request-Method": "PATCH"}
        asked["Access-Control-Request-Headers"] = "authorization, content-type, if-match, x-edit-key"
        response = anonymous.options("/snippets/1/", headers=asked)
        assert ("Access-Control-Allow-Origin" in response) is allowed
        if allowed:
            assert "PATCH" in response["Access-Control-Allow-Methods"]
            assert {"if-match", "x-edit-key"} <= set(response["Access-Control-Allow-Headers"].split(", "))
