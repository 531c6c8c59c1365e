"""The whole service with its uploads on S3: over two servers, and while they fail."""

import io
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import connection, transaction
from rest_framework.test import APIClient

from snippets.models import Attachment, Snippet
from tests.s3.dropbox_stand_in import Detour, StandIn
from tests.s3.servers import Proxy, S3Server
from tests.servers import free_port
from tests.uploading import BINARY, body, named, picture, upload

pytestmark = pytest.mark.django_db(transaction=True)

UNAVAILABLE = {"detail": "Uploads do not work at the moment. Try again."}


def stored(server: S3Server) -> list[str]:
    return [key for key in server.stored() if key.startswith(default_storage.location)]  # type: ignore[attr-defined]


def test_a_download_is_a_redirect_that_s3_answers(
    uploads_on_s3: S3Server, as_owner: APIClient, snippet: Snippet
) -> None:
    (made,) = upload(as_owner, snippet.pk, named("two words é.bin", BINARY)).json()
    answer = as_owner.get(made["content"])
    assert (answer.status_code, answer.content, answer["Cache-Control"]) == (302, b"", "private, no-store")
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Security-Policy"] == "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    assert answer["Location"].startswith(uploads_on_s3.url)
    assert "two words" not in answer["Location"].partition("?")[0]
    file = httpx.get(answer["Location"])
    assert (file.content, file.headers["Content-Type"]) == (BINARY, "application/octet-stream")
    assert file.headers["Content-Disposition"] == "attachment; filename*=utf-8''two%20words%20%C3%A9.bin"
    part = httpx.get(answer["Location"], headers={"Range": "bytes=10-19"})
    assert part.content == BINARY[10:20]
    head = httpx.head(as_owner.head(made["content"])["Location"])
    assert (head.status_code, head.headers["Content-Length"]) == (200, "1024")


def test_pictures_previews_and_avatars(
    uploads_on_s3: S3Server, as_owner: APIClient, anonymous: APIClient, snippet: Snippet
) -> None:
    (made,) = upload(as_owner, snippet.pk, named("cat.png", picture())).json()
    as_owner.put("/users/me/avatar/", {"file": named("me.png", picture())}, format="multipart")
    for address, content_type in (
        (made["content"], "image/png"),
        (made["preview"], "image/webp"),
        ("/users/owner/avatar/", "image/webp"),
    ):
        file = httpx.get(anonymous.get(address)["Location"])
        assert (file.status_code, file.headers["Content-Type"]) == (200, content_type)
        assert file.headers["Content-Disposition"].startswith("inline")
    assert len(stored(uploads_on_s3)) == 3
    as_owner.put("/users/me/avatar/", {"file": named("me.png", picture())}, format="multipart")
    assert len(stored(uploads_on_s3)) == 3
    assert as_owner.delete(f"/snippets/{snippet.pk}/").status_code == 204
    assert as_owner.delete("/users/me/avatar/").status_code == 204
    assert stored(uploads_on_s3) == []


def test_no_address_at_s3_outlives_the_snippet(
    uploads_on_s3: S3Server, as_owner: APIClient, snippet: Snippet, later: Callable[[float], None]
) -> None:
    (made,) = upload(as_owner, snippet.pk, named("a", BINARY)).json()

    def seconds() -> int:
        answer = as_owner.get(made["content"])
        assert answer.status_code == 302
        return int(parse_qs(urlsplit(answer["Location"]).query)["X-Amz-Expires"][0])

    assert seconds() == 60
    as_owner.patch(f"/snippets/{snippet.pk}/", {"expires_in": 30})
    assert 20 <= seconds() < 30
    as_owner.patch(f"/snippets/{snippet.pk}/", {"expires_in": 3600})
    assert seconds() == 60
    later(3599.5)  # S3 signs for whole seconds: for less than one, the file comes from here
    assert body(as_owner.get(made["content"])) == BINARY
    later(1)
    assert as_owner.get(made["content"]).status_code == 404


def test_nobody_who_may_not_see_it_is_sent_to_s3(
    uploads_on_s3: S3Server, as_owner: APIClient, as_stranger: APIClient, snippet: Snippet
) -> None:
    (made,) = upload(as_owner, snippet.pk, named("a", BINARY)).json()
    Snippet.objects.update(visibility="private")
    assert as_stranger.get(made["content"]).status_code == 404
    assert as_owner.get(made["content"]).status_code == 302


def test_orphans_on_s3_are_purged(
    uploads_on_s3: S3Server, as_owner: APIClient, snippet: Snippet, monkeypatch: pytest.MonkeyPatch
) -> None:
    from snippets.management.commands import purge_orphan_files

    kept, orphaned = upload(as_owner, snippet.pk, named("a", BINARY), named("b", BINARY)).json()
    Attachment.objects.filter(pk=orphaned["pk"])._raw_delete("default")
    output = io.StringIO()
    call_command("purge_orphan_files", stdout=output)
    assert output.getvalue() == "0 orphans among 2 files.\n"  # too young
    hours_later = purge_orphan_files.timezone.now() + purge_orphan_files.timedelta(hours=30)
    monkeypatch.setattr(purge_orphan_files.timezone, "now", lambda: hours_later)
    call_command("purge_orphan_files", stdout=output)
    assert output.getvalue().endswith("1 orphans among 2 files.\n")
    assert httpx.get(as_owner.get(kept["content"])["Location"]).content == BINARY


# --- While S3 fails ---------------------------------------------------------------------------------------------------


def configure(settings: Any, server: S3Server, **options: Any) -> None:
    storage = {"BACKEND": "uploads.s3_storage.S3Storage", "OPTIONS": server.options(**options)}
    settings.STORAGES = settings.STORAGES | {"default": storage}


def refuse(status: int, code: str, seconds: float = 0) -> type[BaseHTTPRequestHandler]:
    """A server that answers everything in one way, as S3 words it."""

    class Refusing(BaseHTTPRequestHandler):
        def answer(self) -> None:
            time.sleep(seconds)
            body = f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_HEAD = do_PUT = do_DELETE = do_POST = answer  # noqa: N815

        def log_message(self, *args: Any) -> None:
            """Nothing is said."""

    return Refusing


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@contextmanager
def broken(kind: str, server: S3Server) -> Iterator[dict[str, Any]]:
    """Options of a storage that fails in one way."""
    if kind == "no such bucket":
        yield {"bucket_name": "no-such-bucket"}
    elif kind == "unknown key":
        yield {"access_key": "another-key"}
    elif kind == "wrong secret":
        yield {"secret_key": "another-secret"}
    elif kind == "no network":
        yield {"endpoint_url": f"http://127.0.0.1:{free_port()}"}
    else:
        status, code, seconds = {
            "no permission": (403, "AccessDenied", 0.0),
            "out of order": (503, "SlowDown", 0.0),
            "no answer": (200, "", 3.0),
        }[kind]
        with serving(refuse(status, code, seconds)) as url:
            yield {"endpoint_url": url, "timeout": 1}


BROKEN = {
    "no such bucket": "there is no such bucket: S3_BUCKET, S3_REGION",
    "unknown key": "the credentials are wrong, or have expired",
    "wrong secret": "the credentials are wrong, or have expired",
    "no permission": "no permission (403): compare the policy in docs/uploads.md",
    "out of order": "S3 answers SlowDown",
    "no network": "S3 cannot be reached (EndpointConnectionError)",
    "no answer": "S3 cannot be reached (ReadTimeoutError)",
}


@pytest.mark.parametrize("kind", BROKEN)
def test_readiness_the_log_and_the_check_say_what_is_wrong_and_snippets_stay(
    rclone: S3Server,
    settings: Any,
    as_owner: APIClient,
    snippet: Snippet,
    kind: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with broken(kind, rclone) as options:
        configure(settings, rclone, **options)
        began = time.monotonic()
        ready = as_owner.get("/health/ready/")
        assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
        assert ready.json()["checks"]["storage"] == BROKEN[kind]
        assert BROKEN[kind] in caplog.text
        with pytest.raises(SystemCheckError, match=re.escape(f"Uploads cannot be stored: {BROKEN[kind]}.")):
            call_command("check", "--deploy")
        caplog.clear()
        answer = upload(as_owner, snippet.pk, named("a", BINARY))
        assert (answer.status_code, answer.json(), answer["Retry-After"]) == (503, UNAVAILABLE, "2")
        assert "Uploads failed: " in caplog.text
        assert not Attachment.objects.exists()
        assert as_owner.get(f"/snippets/{snippet.pk}/raw/").content == b'print("hello")\n'
        assert as_owner.get(f"/snippets/{snippet.pk}/attachments/").status_code == 200
        avatar = as_owner.put("/users/me/avatar/", {"file": named("me.png", picture())}, format="multipart")
        assert avatar.status_code == 503
        assert time.monotonic() - began < 20
        for secret in ("snippets-secret-key", "another-secret"):
            assert secret not in caplog.text


def test_without_credentials_it_says_so(
    rclone: S3Server, settings: Any, as_owner: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    configure(settings, rclone, access_key=None, secret_key=None)
    storage = as_owner.get("/health/ready/").json()["checks"]["storage"]
    assert storage == "there are no credentials: no role of the machine, and no AWS_ACCESS_KEY_ID"


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[S3Server]:
    """A server of this test's own, which it may kill and start again: what it stores, it has on disk."""
    server = S3Server("rclone", tmp_path / "bucket").start()
    yield server
    server.kill()


@pytest.fixture
def proxy(mortal: S3Server, settings: Any) -> Iterator[Proxy]:
    with Proxy(mortal) as proxy:
        configure(settings, mortal, endpoint_url=proxy.url, timeout=2)
        yield proxy
        proxy.shutdown()


def nth(count: int, method: str, part: str, act: Callable[[], Any]) -> Callable[[str, str], None]:
    """Acts at the nth request of this method whose address has this part."""
    seen: list[str] = []

    def watch(asked: str, path: str) -> None:
        if asked == method and part in path:
            seen.append(path)
            if len(seen) == count:
                act()

    return watch


def fetch(client: APIClient, address: str) -> bytes:
    return httpx.get(client.get(address)["Location"]).content


def test_it_dies_between_two_files_of_an_upload(
    mortal: S3Server, proxy: Proxy, as_owner: APIClient, snippet: Snippet
) -> None:
    (earlier,) = upload(as_owner, snippet.pk, named("earlier", BINARY)).json()
    proxy.before = nth(2, "PUT", "/attachments/", mortal.kill)
    answer = upload(as_owner, snippet.pk, named("one", BINARY), named("two", BINARY))
    assert (answer.status_code, answer.json()) == (503, UNAVAILABLE)
    assert [it["name"] for it in as_owner.get(f"/snippets/{snippet.pk}/attachments/").json()["results"]] == ["earlier"]
    mortal.start()
    assert fetch(as_owner, earlier["content"]) == BINARY
    assert len(mortal.stored()) == 2  # the first of the two is an orphan, which the purge removes
    assert upload(as_owner, snippet.pk, named("three", BINARY)).status_code == 201


def test_it_dies_between_the_parts_of_a_file(
    mortal: S3Server, proxy: Proxy, as_owner: APIClient, snippet: Snippet
) -> None:
    proxy.before = nth(3, "PUT", "partNumber=", mortal.kill)
    answer = upload(as_owner, snippet.pk, named("large", bytes(20 * 1024 * 1024)))
    assert (answer.status_code, answer.json()) == (503, UNAVAILABLE)
    assert not Attachment.objects.exists()
    mortal.start()
    assert mortal.stored() == []


def test_it_is_out_of_order_for_a_moment(mortal: S3Server, proxy: Proxy, as_owner: APIClient, snippet: Snippet) -> None:
    """One broken connection is tried again, and nobody sees it."""

    def break_off() -> None:
        raise ConnectionResetError

    proxy.before = nth(1, "PUT", "/attachments/", break_off)
    (made,) = upload(as_owner, snippet.pk, named("a", BINARY)).json()
    assert fetch(as_owner, made["content"]) == BINARY


def test_an_upload_takes_one_call_and_needs_no_permission_to_list(
    mortal: S3Server, proxy: Proxy, as_owner: APIClient, snippet: Snippet
) -> None:
    calls: list[str] = []
    proxy.before = lambda method, path: calls.append(method)
    upload(as_owner, snippet.pk, named("a", BINARY))
    assert calls == ["PUT"]


def test_it_is_slow(mortal: S3Server, proxy: Proxy, as_owner: APIClient, snippet: Snippet) -> None:
    proxy.before = lambda method, path: time.sleep(0.5)
    (made,) = upload(as_owner, snippet.pk, named("a", BINARY)).json()
    assert fetch(as_owner, made["content"]) == BINARY


def test_the_snippet_is_deleted_while_its_files_are_on_their_way(
    mortal: S3Server, proxy: Proxy, as_owner: APIClient, snippet: Snippet
) -> None:
    def delete() -> None:
        Snippet.objects.all().delete()
        connection.close()  # that of the proxy's thread

    proxy.after = nth(1, "PUT", "/attachments/", delete)
    assert upload(as_owner, snippet.pk, named("a", BINARY)).status_code == 404
    assert mortal.stored() == []


def test_what_is_refused_after_it_has_been_stored_is_removed(
    mortal: S3Server, proxy: Proxy, as_owner: APIClient, snippet: Snippet, settings: Any
) -> None:
    """Another upload of the same user has been faster, and the quota is used up."""
    proxy.after = nth(1, "PUT", "/attachments/", lambda: setattr(settings, "USER_UPLOADS_MAX_BYTES", 100))
    assert upload(as_owner, snippet.pk, named("a", BINARY)).status_code == 400
    assert mortal.stored() == []
    assert not Attachment.objects.exists()


@pytest.mark.parametrize("what", ["attachment", "snippet", "avatar"])
def test_it_is_dead_when_something_is_deleted(
    mortal: S3Server, proxy: Proxy, as_owner: APIClient, snippet: Snippet, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    (made,) = upload(as_owner, snippet.pk, named("a", BINARY)).json()
    as_owner.put("/users/me/avatar/", {"file": named("me.png", picture())}, format="multipart")
    mortal.kill()
    address = {"attachment": made["url"], "snippet": f"/snippets/{snippet.pk}/", "avatar": "/users/me/avatar/"}[what]
    began = time.monotonic()
    assert as_owner.delete(address).status_code == 204
    assert time.monotonic() - began < 10
    assert "left for manage.py purge_orphan_files" in caplog.text
    mortal.start()
    assert len(mortal.stored()) == 2
    assert as_owner.get(made["content"]).status_code == (302 if what == "avatar" else 404)


def test_a_deletion_that_is_rolled_back_removes_no_file(
    mortal: S3Server, proxy: Proxy, as_owner: APIClient, snippet: Snippet
) -> None:
    (made,) = upload(as_owner, snippet.pk, named("a", BINARY)).json()
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        snippet.delete()
        _ = 1 / 0
    assert fetch(as_owner, made["content"]) == BINARY


# --- Dropbox ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def uploads_on_dropbox(stand_in: StandIn, settings: Any) -> StandIn:
    keys = {
        "app_key": "key",
        "app_secret": "secret-of-the-app",
        "oauth2_refresh_token": "secret-refresh-token",
        "root_path": "/snippets",
    }
    storage = {"BACKEND": "uploads.dropbox_storage.DropboxStorage", "OPTIONS": keys | {"timeout": 5}}
    settings.STORAGES = settings.STORAGES | {"default": storage}
    default_storage.client._session.mount("https://", Detour(stand_in.url))  # type: ignore[attr-defined]
    return stand_in


def test_the_same_on_dropbox(uploads_on_dropbox: StandIn, as_owner: APIClient, snippet: Snippet) -> None:
    assert as_owner.get("/health/ready/").json()["status"] == "ok"
    (made,) = upload(as_owner, snippet.pk, named("cat.png", picture())).json()
    assert httpx.get(as_owner.get(made["content"])["Location"]).content == picture()
    assert len(uploads_on_dropbox.files) == 2
    assert as_owner.delete(made["url"]).status_code == 204
    assert uploads_on_dropbox.files == {}


@pytest.mark.parametrize(
    ("status", "answer", "reason"),
    [
        (
            401,
            {"error_summary": "expired_access_token/..", "error": {".tag": "expired_access_token"}},
            "Dropbox does not accept the credentials: DROPBOX_APP_KEY, DROPBOX_APP_SECRET, DROPBOX_REFRESH_TOKEN",
        ),
        (500, {}, "Dropbox failed (InternalServerError)"),
    ],
)
def test_dropbox_fails(
    uploads_on_dropbox: StandIn,
    as_owner: APIClient,
    snippet: Snippet,
    status: int,
    answer: dict[str, Any],
    reason: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    uploads_on_dropbox.refused = status, answer
    assert as_owner.get("/health/ready/").json()["checks"]["storage"] == reason
    refused = upload(as_owner, snippet.pk, named("a", BINARY))
    assert (refused.status_code, refused.json()) == (503, UNAVAILABLE)
    assert not Attachment.objects.exists()
    assert "secret-of-the-app" not in caplog.text
    assert "secret-refresh-token" not in caplog.text
