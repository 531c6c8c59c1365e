"""A real browser, Debian's Chromium without a screen, before a server as `make run` starts it."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.live.conftest import Server, running_server

# Chromium's sandbox refuses root; the other flags keep it from calling home.
FLAGS = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"]
FLAGS += ["--no-sandbox"] if os.geteuid() == 0 else []


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("Chromium is not installed.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    with running_server(folder / "data", folder / "server.log", UPLOAD_MAX_BYTES="2000000") as running:
        yield running


@pytest.fixture
def page(chromium: Browser, server: Server, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Page]:
    """The demo user's, logged in. When the test fails, a picture of it stands in its folder."""
    context = chromium.new_context(base_url=server.url)
    page = context.new_page()
    page.set_default_timeout(15_000)
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto("/auth/login/")
    page.fill("input[name=username]", server.user)
    page.fill("input[name=password]", server.password)
    page.click("input[type=submit]")
    page.wait_for_url(server.url + "/")
    yield page
    page.screenshot(path=tmp_path / "page.png", full_page=True)
    context.close()
    assert complaints == []
