"""The same addresses in a browser: REST framework's own pages, with forms that work."""

from rest_framework.test import APIClient

from snippets.models import Snippet

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


def test_who_asks_for_nothing_gets_json_and_a_browser_gets_pages(anonymous: APIClient, snippet: Snippet) -> None:
    for path in ("/", "/snippets/", f"/snippets/{snippet.pk}/", "/languages/", "/styles/"):
        for accept in ("*/*", "", "application/x-unheard-of"):
            assert anonymous.get(path, headers={"Accept": accept})["Content-Type"] == "application/json"
        page = anonymous.get(path, headers=BROWSER)
        assert (page.status_code, page["Content-Type"]) == (200, "text/html; charset=utf-8")


def test_errors_have_pages_too(anonymous: APIClient, snippet: Snippet) -> None:
    for path, status in (("/snippets/?page=0", 400), ("/snippets/999999/", 404), ("/tokens/", 401)):
        page = anonymous.get(path, headers=BROWSER)
        assert (page.status_code, page["Content-Type"]) == (status, "text/html; charset=utf-8")


def test_the_owner_has_a_form_and_others_have_none(
    in_browser: APIClient, anonymous: APIClient, snippet: Snippet
) -> None:
    mine = in_browser.get(f"/snippets/{snippet.pk}/", headers=BROWSER).content.decode()
    assert 'name="visibility"' in mine
    assert "print(&quot;hello&quot;)" in mine
    assert 'name="visibility"' not in anonymous.get(f"/snippets/{snippet.pk}/", headers=BROWSER).content.decode()


def test_a_form_as_the_page_sends_it_makes_a_snippet(in_browser: APIClient) -> None:
    page = in_browser.get("/snippets/", headers=BROWSER)
    fields = {
        "csrfmiddlewaretoken": page.cookies["csrftoken"].value,
        "title": "From a form",
        "code": "x = 1\r\n",
        "language": "",
        "style": "",
        "filename": "main.js",
        "description": "",
        "visibility": "private",
    }
    answer = in_browser.post("/snippets/", fields, format="multipart", headers=BROWSER)
    assert answer.status_code == 201
    made = Snippet.objects.get()
    assert (made.title, made.code, made.language, made.style) == ("From a form", "x = 1\r\n", "javascript", "friendly")
    assert (made.visibility, made.linenos) == ("private", False)


def test_a_page_has_links_to_the_pages_around_it(in_browser: APIClient, snippet: Snippet) -> None:
    Snippet(owner=snippet.owner, code="x = 2\n").save()
    page = in_browser.get("/snippets/?page_size=1", headers=BROWSER).content.decode()
    assert "cursor=" in page
    assert "Next" in page
