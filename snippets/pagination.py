"""Pages of snippets, and of what they were."""

from collections.abc import Iterable

from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request

from api.pagination import KeysetPagination
from snippets.models import Snippet
from snippets.reading import read_listed
from snippets.revisions import Revision


class SnippetPagination(KeysetPagination):
    """Rows with all that is shown of them. Those that bring their code are larger, so a page has fewer of them."""

    max_page_size_with_code = 20

    def largest_size(self, request: Request) -> int:
        return self.max_page_size_with_code if includes_code(request) else self.max_page_size

    def rows_of(self, keys: list[int]) -> Iterable[Snippet]:
        return read_listed(keys, self.request.user, with_code=includes_code(self.request))


def includes_code(request: Request) -> bool:
    return request.query_params.get("include") == "code"


class RevisionPagination(KeysetPagination):
    """Pages of a history. Its numbers have no gaps, so a page is a range of them: nothing is skipped, or counted."""

    ordering = "-number"

    def page_of(self, snippet: Snippet, request: Request) -> list[Revision]:
        self.base_url = request.build_absolute_uri()
        self.count = min(snippet.revision, self.max_count)
        first, last = self._range(snippet, request)
        self.next = self.cursor_to("after", str(first), snippet.pk) if first > 1 else None
        self.previous = self.cursor_to("before", str(last), snippet.pk) if last < snippet.revision else None
        self.display_page_controls = self.next is not None or self.previous is not None
        return snippet.revisions(first, last)

    def _range(self, snippet: Snippet, request: Request) -> tuple[int, int]:
        """The smallest and the largest number on the page."""
        size = self.size_of(request)
        if "cursor" in request.query_params:
            direction, text, pk = self.place_at_cursor(request)
            if pk != snippet.pk:
                raise ValidationError({"cursor": ["This cursor belongs to the history of another snippet."]})
            number = int(text)
            if direction == "before":
                return number + 1, min(number + size, snippet.revision)
            last = number - 1
        else:
            last = snippet.revision - (self.page_number(request, size) - 1) * size
        if last < 1:
            raise NotFound("Invalid page: there are not so many.")
        return max(last - size + 1, 1), last
