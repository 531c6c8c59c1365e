"""Files, as somebody sends them who has a mouse."""

import re
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.live.conftest import Server
from tests.uploading import PAGE, SVG, picture

FILES = "/snippets/1/attachments/"


def names(server: Server) -> list[str]:
    return [row["name"] for row in httpx.get(server.url + FILES).json()["results"]]


@pytest.fixture(autouse=True)
def no_files(server: Server) -> None:
    headers = {"Authorization": f"Bearer {server.token}"}
    for row in httpx.get(server.url + FILES).json()["results"]:
        assert httpx.delete(row["url"], headers=headers).status_code == 204


def send(page: Page, *files: tuple[str, bytes]) -> None:
    chosen = [{"name": name, "mimeType": "application/octet-stream", "buffer": content} for name, content in files]
    page.set_input_files("#upload-files", chosen)  # type: ignore[arg-type] # a list of dictionaries is what it takes
    page.click("form:has(#upload-files) button")


def test_from_the_snippet_to_its_files_and_several_at_once(page: Page, server: Server) -> None:
    page.goto("/snippets/1/highlight/")
    page.click("text=files")
    send(page, ("zwei Wörter.txt", b"two\n"), ("cat.png", picture()))
    expect(page.locator(".response-info")).to_contain_text("zwei Wörter.txt")
    expect(page.locator(".response-info")).to_contain_text("cat.png")
    assert names(server) == ["zwei Wörter.txt", "cat.png"]


def test_the_progress_is_shown_while_a_file_is_on_its_way(page: Page, server: Server) -> None:
    page.goto(FILES)
    page.evaluate(
        """() => {
            window.name = "";
            const progress = document.getElementById("upload-progress");
            const note = () => { window.name += progress.hidden ? "" : `${progress.value} `; };
            new MutationObserver(note).observe(progress, { attributes: true });
        }"""
    )
    wire = page.context.new_cdp_session(page)
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 500_000}
    wire.send("Network.emulateNetworkConditions", slow)
    send(page, ("slow.bin", bytes(1_500_000)))
    expect(page.locator(".response-info")).to_contain_text("slow.bin")
    seen = [float(value) for value in page.evaluate("window.name").split()]
    assert [value for value in seen if 0 < value < 1], seen
    assert seen == sorted(seen)


def test_what_is_refused_is_said_and_the_form_stays(page: Page, server: Server) -> None:
    page.goto(FILES)
    send(page, ("large.bin", bytes(2_000_001)))
    expect(page.locator("#upload-state")).to_contain_text("large.bin: A file may be at most 2000000 bytes long.")
    expect(page.locator("#upload-progress")).to_be_hidden()
    send(page, ("small.bin", b"\0"))
    expect(page.locator(".response-info")).to_contain_text("small.bin")
    assert names(server) == ["small.bin"]


def test_the_form_works_without_scripts(chromium: Browser, page: Page, server: Server) -> None:
    cookies = page.context.cookies()
    context = chromium.new_context(base_url=server.url, java_script_enabled=False)
    context.add_cookies(cookies)  # type: ignore[arg-type]
    plain = context.new_page()
    plain.goto(FILES)
    send(plain, ("plain.txt", b"plain\n"))
    expect(plain.locator(".response-info")).to_contain_text("plain.txt")
    assert names(server) == ["plain.txt"]
    context.close()


@pytest.mark.parametrize(("name", "content"), [("page.html", PAGE), ("picture.svg", SVG)])
def test_a_page_that_was_uploaded_is_downloaded_and_runs_nothing(
    page: Page, server: Server, tmp_path: Path, name: str, content: bytes
) -> None:
    alerts: list[str] = []
    page.on("dialog", lambda dialog: (alerts.append(dialog.message), dialog.dismiss()))
    page.goto(FILES)
    send(page, (name, content))
    with page.expect_download() as download:
        page.locator(".response-info a", has_text=re.compile("content")).click()
    download.value.save_as(tmp_path / name)
    assert (tmp_path / name).read_bytes() == content
    assert download.value.suggested_filename == name
    assert alerts == []


def test_who_may_not_add_files_sees_no_form(chromium: Browser, server: Server) -> None:
    context = chromium.new_context(base_url=server.url)
    visitor = context.new_page()
    visitor.goto(FILES)
    expect(visitor.locator(".response-info")).to_contain_text("200 OK")
    expect(visitor.locator("#upload-files")).to_have_count(0)
    context.close()
