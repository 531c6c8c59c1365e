"""What has a time to end, and is gone at that second."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from snippets.models import Snippet
from tests.conftest import ROOT
from tests.uploading import BINARY, body, named, upload

FORM = "application/x-www-form-urlencoded"
HOUR = 3600
Later = Callable[[float], None]


def post(client: APIClient, **fields: Any) -> dict[str, Any]:
    response = client.post("/snippets/", {"code": "needle = 1\n"} | fields)
    assert response.status_code == 201, response.content
    return response.json()


def seconds_until(text: str) -> float:
    return (datetime.fromisoformat(text) - timezone.now()).total_seconds()


# --- How it is said ---------------------------------------------------------------------------------------------------

DURATIONS = {
    1: 1,
    3600: 3600,
    36525 * 86400: 36525 * 86400,
    "PT1H": 3600,
    "P7D": 7 * 86400,
    "P1DT2H3M4S": 86400 + 7384,
    "P2W": 14 * 86400,
    "PT90M": 5400,
    "PT1.5S": 1.5,
    "3600": 3600,
    " PT1H ": 3600,
}


@pytest.mark.parametrize(("said", "seconds"), DURATIONS.items())
def test_a_duration_is_seconds_or_iso_8601(as_owner: APIClient, said: Any, seconds: float) -> None:
    made = post(as_owner, expires_in=said)
    assert seconds_until(made["expires"]) == pytest.approx(seconds, abs=30)
    assert "expires_in" not in made
    assert made["expired"] is False


@pytest.mark.parametrize(
    "said",
    [0, -1, "0", "-5", "PT0S", "-PT1H", "P", "PT", "", "soon", "P1M", "P1Y", "P1Y2D", "1:00:00", "3 days", "p7d", "P7",
     True, 1.5, 1e300, None, [60], {"days": 1}, 36525 * 86400 + 1, 10**15, 10**400, "P99999999999D", "P999999W",
     "9" * 5000, "P٣D", "٣٦٠٠", "PT1H\n;", "P1DT", "PNaND", "NaN"],
)  # fmt: skip
def test_a_duration_that_makes_no_sense_is_refused(as_owner: APIClient, said: Any) -> None:
    response = as_owner.post("/snippets/", {"code": "x\n", "expires_in": said})
    assert response.status_code == 400
    assert list(response.json()) == ["expires_in"]
    assert not Snippet.objects.exists()


def test_months_and_years_are_refused_with_their_reason(as_owner: APIClient) -> None:
    for said in ("P1M", "P1Y", "P1Y2M3DT4H"):
        (message,) = as_owner.post("/snippets/", {"code": "x\n", "expires_in": said}).json()["expires_in"]
        assert message == "Months and years are not always as long: say it in days, such as P30D."


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("2099-01-01T12:00:00Z", "2099-01-01T12:00:00Z"),
        ("2099-01-01T12:00:00.123456Z", "2099-01-01T12:00:00.123456Z"),
        ("2099-01-01T12:00:00+02:00", "2099-01-01T10:00:00Z"),
        ("2099-01-01T12:00:00-11:30", "2099-01-01T23:30:00Z"),
        (None, None),
    ],
)
def test_a_time_is_kept_to_the_microsecond(as_owner: APIClient, said: str | None, meant: str | None) -> None:
    made = post(as_owner, expires=said)
    assert made["expires"] == meant
    assert as_owner.get(f"/snippets/{made['pk']}/").json()["expires"] == meant


@pytest.mark.parametrize(
    "said",
    ["2099-01-01T12:00:00", "2099-01-01", "2020-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59Z",
     "9999-12-31T23:59:59-14:00", "2099-13-01T00:00:00Z", "NaN", "", "tomorrow", 4102444800, True, [], {}, "x" * 5000],
)  # fmt: skip
def test_a_time_that_makes_no_sense_is_refused(as_owner: APIClient, said: Any) -> None:
    response = as_owner.post("/snippets/", {"code": "x\n", "expires": said})
    assert response.status_code == 400
    assert list(response.json()) == ["expires"]
    assert not Snippet.objects.exists()


def test_not_both_at_once(as_owner: APIClient, snippet: Snippet) -> None:
    both = {"code": "x\n", "expires_in": 60}
    for expires in ("2099-01-01T00:00:00Z", None):
        for method, path in (("post", "/snippets/"), ("put", f"/snippets/{snippet.pk}/")):
            response = getattr(as_owner, method)(path, both | {"expires": expires})
            assert response.json() == {"expires_in": ["Give either this or `expires`, not both."]}
    form = "code=x&expires_in=60&expires=2099-01-01T00%3A00%3A00Z"
    assert as_owner.post("/snippets/", form, content_type=FORM).status_code == 400


def test_the_body_may_be_the_code_itself(as_owner: APIClient) -> None:
    response = as_owner.post("/snippets/?expires_in=PT1H", "x = 1\n", content_type="text/plain")
    assert seconds_until(response.json()["expires"]) == pytest.approx(HOUR, abs=30)
    refused = as_owner.post("/snippets/?expires_in=P1M", "x = 1\n", content_type="text/plain")
    assert (refused.status_code, list(refused.json())) == (400, ["expires_in"])


def test_it_is_prolonged_shortened_and_lifted(as_owner: APIClient) -> None:
    made = post(as_owner, expires_in=HOUR)
    path = f"/snippets/{made['pk']}/"
    prolonged = as_owner.patch(path, {"expires_in": "P1D"}).json()
    assert seconds_until(prolonged["expires"]) == pytest.approx(24 * HOUR, abs=30)
    assert prolonged["version"] == 2
    assert as_owner.patch(path, {"expires": "2099-01-01T00:00:00Z"}).json()["expires"] == "2099-01-01T00:00:00Z"
    assert as_owner.patch(path, {"expires": None}).json()["expires"] is None
    assert as_owner.patch(path, {"expires": None}).json()["version"] == 4


@pytest.mark.parametrize("content_type", ["application/json", FORM])
def test_what_leaves_it_out_keeps_it(as_owner: APIClient, content_type: str) -> None:
    made = post(as_owner, expires_in=HOUR)
    body = "code=x" if content_type == FORM else '{"code": "x"}'
    for method in (as_owner.put, as_owner.patch):
        changed = method(f"/snippets/{made['pk']}/", body, content_type=content_type).json()
        assert changed["expires"] == made["expires"]


def test_a_form_shows_it_keeps_it_and_removes_it(in_browser: APIClient, as_owner: APIClient) -> None:
    made = post(as_owner, expires_in=HOUR)
    path = f"/snippets/{made['pk']}/"
    page = in_browser.get(path, headers={"Accept": "text/html"})
    assert f'value="{made["expires"]}"' in page.text
    token = {"X-CSRFToken": page.cookies["csrftoken"].value}
    as_shown = {"code": "changed\n", "expires": made["expires"], "expires_in": ""}

    def put(**fields: str) -> Any:
        return in_browser.put(path, as_shown | fields, format="multipart", headers=token).json()["expires"]

    assert put() == made["expires"]
    assert seconds_until(put(expires_in="P1D")) == pytest.approx(24 * HOUR, abs=30)
    assert put(expires="") is None


# --- Gone -------------------------------------------------------------------------------------------------------------

BELOW = ["", "raw/", "highlight/", "highlight.svg", "highlight.png", "attachments/", "open/"]


def test_it_is_gone_at_that_second(as_owner: APIClient, anonymous: APIClient, later: Later) -> None:
    made = post(as_owner, expires_in=60)
    later(55)
    assert anonymous.get(f"/snippets/{made['pk']}/").status_code == 200
    later(5)
    assert anonymous.get(f"/snippets/{made['pk']}/").status_code == 404


@pytest.mark.parametrize("visibility", ["public", "unlisted", "private"])
def test_nobody_but_staff_sees_it_any_more_in_any_way(
    as_owner: APIClient, anonymous: APIClient, as_staff: APIClient, later: Later, visibility: str
) -> None:
    made = post(as_owner, expires_in=60, visibility=visibility)
    (file,) = upload(as_owner, made["slug"], named("a.bin", BINARY)).json()
    addresses = [f"/snippets/{ref}/{below}" for ref in (made["pk"], made["slug"]) for below in BELOW]
    addresses += [file["url"], file["content"]]
    etags = [as_owner.get(address).headers.get("ETag", "*") for address in addresses]
    later(61)
    for client in (as_owner, anonymous):
        for address, etag in zip(addresses, etags, strict=True):
            expected = 405 if address.endswith("open/") else 404
            for headers in ({}, {"If-None-Match": etag}, {"If-None-Match": "*"}):
                assert client.get(address, headers=headers).status_code == expected, address
        for method in ("put", "patch", "delete"):
            assert getattr(client, method)(f"/snippets/{made['slug']}/", {"code": "x"}).status_code == 404
        assert client.post(f"/snippets/{made['slug']}/open/").status_code == 404
        for query in ("", "?q=needle", "?visibility=" + visibility, "?owner=owner", "?language=python&include=code"):
            assert client.get(f"/snippets/{query}").json()["count"] == 0
            assert client.get(f"/snippets/{query}").json()["results"] == []
    shown = as_staff.get(f"/snippets/{made['pk']}/")
    assert shown.json()["expired"] is True
    assert body(as_staff.get(file["content"])) == BINARY
    assert [row["expired"] for row in as_staff.get("/snippets/?q=needle").json()["results"]] == [True]
    assert as_staff.delete(f"/snippets/{made['pk']}/").status_code == 204


def test_its_edit_key_does_not_reach_it(anonymous: APIClient, later: Later) -> None:
    made = post(anonymous, expires_in=60)
    later(61)
    holder = APIClient(HTTP_X_EDIT_KEY=made["edit_key"])
    assert holder.get(f"/snippets/{made['pk']}/").status_code == 404
    assert holder.patch(f"/snippets/{made['pk']}/", {"expires": None}).status_code == 404


def test_staff_learn_that_it_has_expired_since_they_read_it(
    as_owner: APIClient, as_staff: APIClient, later: Later
) -> None:
    made = post(as_owner, expires_in=60)
    etag = as_staff.get(f"/snippets/{made['pk']}/")["ETag"]
    assert as_staff.get(f"/snippets/{made['pk']}/", headers={"If-None-Match": etag}).status_code == 304
    later(61)
    assert as_staff.get(f"/snippets/{made['pk']}/", headers={"If-None-Match": etag}).status_code == 200


def test_in_its_last_seconds_it_is_kept_nowhere(as_owner: APIClient, anonymous: APIClient, later: Later) -> None:
    """Not for the part of a second either for which uWSGI's memory gives an answer without asking."""
    made = post(as_owner, expires_in=60)
    addresses = [f"/snippets/{made['pk']}/{below}" for below in ("", "raw/", "highlight/")]
    etags = {address: anonymous.get(address)["ETag"] for address in addresses}
    for passed, expected in ((0, "no-cache"), (58.5, "private, no-store")):
        later(passed)
        for address, etag in etags.items():
            assert anonymous.get(address)["Cache-Control"] == expected
            assert anonymous.get(address, headers={"If-None-Match": etag})["Cache-Control"] == expected


def test_an_upload_does_not_outlive_it(as_owner: APIClient, later: Later, monkeypatch: pytest.MonkeyPatch) -> None:
    """The snippet expires while the file is on its way."""
    from uploads.local_storage import LocalStorage

    made = post(as_owner, expires_in=60)
    save = LocalStorage.save

    def slow(*args: Any, **kwargs: Any) -> str:
        later(61)
        return save(*args, **kwargs)

    monkeypatch.setattr(LocalStorage, "save", slow)
    assert upload(as_owner, made["pk"], named("a.bin", BINARY)).status_code == 404
    assert not Snippet.objects.get().attachments.exists()


def test_its_colours_are_kept_no_longer_than_itself(
    as_owner: APIClient, later: Later, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[float] = []
    put = cache.set
    monkeypatch.setattr(cache, "set", lambda key, value, timeout: kept.append(timeout) or put(key, value, timeout))
    for code, expires_in in (("a = 1\n", 60), ("b = 1\n", "P30D")):
        made = post(as_owner, code=code, expires_in=expires_in)
        assert as_owner.get(f"/snippets/{made['pk']}/highlight/")["X-Highlighted"] == "true"
    assert 30 <= kept[0] <= 60
    assert kept[1] == 7 * 24 * HOUR


def test_cursors_and_counts_pass_over_what_has_expired(as_owner: APIClient, anonymous: APIClient, later: Later) -> None:
    for number in range(9):
        post(as_owner, title=f"title {number}", **({"expires_in": 60} if number % 2 else {}))
    first = anonymous.get("/snippets/?page_size=2&ordering=title").json()
    assert first["count"] == 9
    later(61)
    following = anonymous.get(first["next"]).json()
    assert following["count"] == 5
    assert [row["title"] for row in following["results"]] == ["title 2", "title 4"]


# --- What it costs ----------------------------------------------------------------------------------------------------


def test_it_costs_no_query(as_owner: APIClient, anonymous: APIClient, max_queries: Any) -> None:
    made = post(as_owner, expires_in=60)
    with max_queries(2):  # the row, its tags
        assert anonymous.get(f"/snippets/{made['pk']}/").status_code == 200
    with max_queries(3):  # whether it lasts as long as the list is kept, the keys with their number, and the rows
        assert anonymous.get("/snippets/").json()["count"] == 1


@pytest.mark.parametrize("ordering", ["-created", "-updated", "title"])
def test_a_page_of_the_list_still_comes_from_an_index(db: None, ordering: str) -> None:
    from django.contrib.auth.models import AnonymousUser

    now = timezone.now()
    Snippet.objects.bulk_create(
        Snippet(code="x\n", slug=f"{number:022x}", title=f"{number}", expires=now + timedelta(days=number - 1000))
        for number in range(2000)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE snippets_snippet" if connection.vendor == "postgresql" else "ANALYZE")
    plan = Snippet.objects.listed_for(AnonymousUser()).ordered_by(ordering)[:21].explain()
    assert "snippet_visibility_" in plan or "snippet_" + ordering.strip("-") in plan
    assert "TEMP B-TREE" not in plan
    assert "Sort" not in plan


def test_the_clock_of_uwsgi_calls_commands_that_there_are() -> None:
    lines = [line for line in (ROOT / "config/uwsgi.ini").read_text().splitlines() if line.startswith("cron2")]
    called = {line.rpartition(" ")[2] for line in lines}
    assert called == {"purge_expired", "clearsessions", "purge_orphan_files"}


def test_a_time_in_the_past_cannot_come_from_another_zone(as_owner: APIClient) -> None:
    an_hour_ago_in_utc = datetime.now(UTC) - timedelta(hours=1)
    said = f"{an_hour_ago_in_utc:%Y-%m-%dT%H:%M:%S}-02:00"  # which is in an hour
    assert seconds_until(post(as_owner, expires=said)["expires"]) == pytest.approx(HOUR, abs=30)
    assert as_owner.post("/snippets/", {"code": "x", "expires": said.replace("-02:00", "Z")}).status_code == 400
