"""What burns after reading, by somebody who has got its link and follows it in a browser."""

import httpx
from playwright.sync_api import Browser

from tests.live.conftest import Server

SECRET = "\nx = 'xylophonist'\n    kept = True\n"  # HTML would drop the first line


def test_a_reader_opens_it_with_a_button(chromium: Browser, server: Server) -> None:
    headers = {"Authorization": f"Bearer {server.token}"}
    body = {"code": SECRET, "title": "For you", "burn_after_read": True}
    link = httpx.post(f"{server.url}/snippets/", json=body, headers=headers).json()["url"]
    context = chromium.new_context()
    page = context.new_page()
    page.set_default_timeout(15_000)
    page.goto(link)
    assert "xylophonist" not in page.content()
    page.click("text=Open it now")
    page.wait_for_url(f"{link}open/")
    assert page.locator("pre").first.text_content() == SECRET
    answer = page.goto(link)
    assert answer is not None
    assert answer.status == 410
    assert "xylophonist" not in page.content()
    context.close()
