"""Pages of snippets, and of what they were."""

from collections.abc import Iterable
from typing import Any

from django.db.models import Model
from django.utils.functional import cached_property
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.views import APIView

from api.pagination import KeysetPagination
from snippets.models import Snippet
from snippets.querysets import SnippetQuerySet
from snippets.reading import keys_listed, read_listed
from snippets.revisions import Revision


class SnippetPagination(KeysetPagination):
    """Rows with all that is shown of them. Those that bring their code are larger, so a page has fewer of them.

    For the list of all snippets, which it reads by itself where nothing is asked for but a page.
    """

    max_page_size_with_code = 20
    max_found = 1000  # rows that are counted of what a search finds, each of which must be looked for
    queryset: SnippetQuerySet
    count_description = (
        f"How many there are; {KeysetPagination.max_count}, or {max_found} with `q`, means that many or more."
    )

    def paginate_queryset(
        self, queryset: SnippetQuerySet, request: Request, view: APIView | None = None
    ) -> list[Model]:
        self.query = request.query_params.get("q", "")
        # SQL is made anew for what filters leave, and takes longer than all that the database does.
        self.is_whole = request.query_params.keys() <= {*self.query_parameters, "include", "format"}
        self.total: int | None = None
        if self.query:
            self.max_count = self.max_found
        return super().paginate_queryset(queryset, request, view)

    def largest_size(self, request: Request) -> int:
        return self.max_page_size_with_code if includes_code(request) else self.max_page_size

    @cached_property
    def found(self) -> list[int]:
        """The keys of what the search finds first. Most pages are among them, and their number is the count."""
        return self.queryset.first_found(self.query, self.max_count + 1)

    def keys_of(self, queryset: SnippetQuerySet, start: int, stop: int) -> list[int]:
        if self.is_whole:
            keys, self.total = keys_listed(self.request.user, start, stop, most=self.max_count)
            return keys
        if not self.query:
            return super().keys_of(queryset, start, stop)
        if queryset is self.queryset and stop <= self.max_count + 1:
            return self.found[start:stop]
        return queryset.first_found(self.query, stop)[start:]

    def keys_beyond(self, direction: str, value: Any, pk: int, count: int) -> list[int]:
        if not self.is_whole:
            return super().keys_beyond(direction, value, pk, count)
        keys, self.total = keys_listed(
            self.request.user, 0, count, most=self.max_count, direction=direction, created=value, pk=pk
        )
        return keys

    def count_of(self, queryset: SnippetQuerySet) -> int:
        if self.total is not None:
            return self.total
        return len(self.found) if self.query else super().count_of(queryset)

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
