"""Pages of a list whose cost does not grow with their depth."""

from collections.abc import Iterable
from typing import Any, cast

from django.core import signing
from django.db.models import Field, Model, Q, QuerySet
from django.template import loader
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import remove_query_param, replace_query_param
from rest_framework.views import APIView

SALT = "api.pagination"


def whole_number(name: str, text: str, maximum: int, hint: str = "") -> int:
    """A query parameter's number from 1 to `maximum`; 400 naming it otherwise."""
    if not (text.isascii() and text.isdigit() and len(text) < 19 and 1 <= int(text) <= maximum):
        raise ValidationError({name: [f"Must be a whole number from 1 to {maximum}.{hint}"]})
    return int(text)


def beyond(ordering: str, direction: str, value: Any, pk: Any) -> Q:
    """The rows that lie `after` or `before` a place of a list in this order; its values may be expressions."""
    name = ordering.lstrip("-")
    comparison = "lt" if ordering.startswith("-") == (direction == "after") else "gt"
    # The first condition says nothing that the second does not, but an index can start from it.
    start = Q(**{f"{name}__{comparison}e": value})
    return start & (Q(**{f"{name}__{comparison}": value}) | Q(**{f"pk__{comparison}": pk}))


class KeysetPagination(BasePagination):
    """`?page=` for the first pages, and cursors in `next` and `previous` that go on for ever.

    A cursor holds the place of a row (the value that the list is ordered by, and its pk), so that the database starts
    reading there, and nothing is skipped or shown twice when rows come and go meanwhile. The queryset must be ordered
    by one field and then by pk, both in the same direction.
    """

    page_size = 20
    max_page_size = 100
    max_depth = 10_000  # rows that a `?page=` may skip
    max_count = 10_000  # rows that are counted; beyond them, `count` stays there
    count_description = f"How many there are; {max_count} means that many or more."
    query_parameters = ("page", "page_size", "cursor")
    template = "rest_framework/pagination/previous_and_next.html"
    display_page_controls = False  # until there is another page
    next: str | None = None
    previous: str | None = None

    def paginate_queryset(
        self, queryset: QuerySet[Model], request: Request, view: APIView | None = None
    ) -> list[Model]:
        self.base_url = request.build_absolute_uri()
        self.queryset, self.request = queryset, request
        self.ordering = str(queryset.query.order_by[0])
        size = self.size_of(request)
        if "cursor" in request.query_params:
            rows = self._rows_at_cursor(request, size)
        else:
            rows = self._rows_of_page(request, size)
        self.count = min(self.count_of(queryset), self.max_count)
        self.display_page_controls = self.next is not None or self.previous is not None
        return rows

    def largest_size(self, request: Request) -> int:
        return self.max_page_size

    def size_of(self, request: Request) -> int:
        largest = self.largest_size(request)
        text = request.query_params.get("page_size")
        return whole_number("page_size", text, largest) if text is not None else min(self.page_size, largest)

    def page_number(self, request: Request, size: int) -> int:
        deepest = self.max_depth // size
        return whole_number("page", request.query_params.get("page", "1"), deepest, " Follow `next` to go deeper.")

    def _rows_of_page(self, request: Request, size: int) -> list[Model]:
        number = self.page_number(request, size)
        start = (number - 1) * size
        keys = self.keys_of(self.queryset, start, start + size + 1)
        if not keys and number > 1:
            raise NotFound("Invalid page: there are not so many.")
        return self._linked(keys[:size], more_before=number > 1, more_after=len(keys) > size)

    def _rows_at_cursor(self, request: Request, size: int) -> list[Model]:
        direction, text, pk = self.place_at_cursor(request)
        keys = self.keys_beyond(direction, self._field().to_python(text), pk, size + 1)
        more = len(keys) > size
        if direction == "after":
            return self._linked(keys[:size], more_before=True, more_after=more)
        return self._linked(keys[:size][::-1], more_before=more, more_after=True)

    def keys_of(self, queryset: QuerySet[Model], start: int, stop: int) -> list[int]:
        """Of the rows that are skipped nothing else is read."""
        return list(queryset.values_list("pk", flat=True)[start:stop])

    def keys_beyond(self, direction: str, value: Any, pk: int, count: int) -> list[int]:
        """The nearest first."""
        rows = self.queryset.filter(beyond(self.ordering, direction, value, pk))
        return self.keys_of(rows if direction == "after" else rows.reverse(), 0, count)

    def count_of(self, queryset: QuerySet[Model]) -> int:
        """How many rows there are; beyond `max_count` any number will do."""
        return queryset.order_by().values("pk")[: self.max_count + 1].count()

    def rows_of(self, keys: list[int]) -> Iterable[Model]:
        """The rows with these keys, in any order; without those that have left the list since the keys were read."""
        return self.queryset.order_by().filter(pk__in=keys)

    def place_at_cursor(self, request: Request) -> tuple[str, str, int]:
        """The direction, and the value and the pk that it starts from."""
        if "page" in request.query_params:
            raise ValidationError({"page": ["A cursor is a place of its own: leave out `page`."]})
        try:
            ordering, direction, text, pk = signing.loads(request.query_params["cursor"], salt=SALT)
        except signing.BadSignature as error:
            raise ValidationError({"cursor": ["Not a cursor of this server."]}) from error
        if ordering != self.ordering:
            raise ValidationError({"cursor": ["This cursor belongs to a list in another order."]})
        return direction, text, pk

    def cursor_to(self, direction: str, text: str, pk: int) -> str:
        place = [self.ordering, direction, text, pk]
        return replace_query_param(self._first(), "cursor", signing.dumps(place, salt=SALT))

    def _cursor(self, row: Model, direction: str) -> str:
        return self.cursor_to(direction, self._field().value_to_string(row), row.pk)

    def _field(self) -> "Field[Any, Any]":
        """The one that the list is ordered by."""
        return cast("Field[Any, Any]", self.queryset.model._meta.get_field(self.ordering.lstrip("-")))

    def _first(self) -> str:
        return remove_query_param(remove_query_param(self.base_url, "page"), "cursor")

    def _linked(self, keys: list[int], *, more_before: bool, more_after: bool) -> list[Model]:
        """The rows, of which the first and the last say where the pages beside this one begin."""
        found = {row.pk: row for row in self.rows_of(keys)}
        rows = [found[key] for key in keys if key in found]
        self.next = self._cursor(rows[-1], "after") if rows and more_after else None
        self.previous = self._cursor(rows[0], "before") if rows and more_before else None
        return rows

    def get_paginated_response(self, data: list[Any]) -> Response:
        links = {"first": self._first(), "prev": self.previous, "next": self.next}
        header = ", ".join(f'<{url}>; rel="{relation}"' for relation, url in links.items() if url)
        page = {"count": self.count, "next": self.next, "previous": self.previous, "results": data}
        return Response(page, headers={"Link": header})

    def to_html(self) -> str:
        context = {"previous_url": self.previous, "next_url": self.next}
        html: str = loader.get_template(self.template).render(context)
        return html

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        link = {"type": "string", "format": "uri", "nullable": True}
        count = {"type": "integer", "description": self.count_description}
        return {
            "type": "object",
            "required": ["count", "next", "previous", "results"],
            "properties": {"count": count, "next": link, "previous": link, "results": schema},
        }

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, Any]]:
        def parameter(name: str, description: str, **schema: Any) -> dict[str, Any]:
            return {"name": name, "in": "query", "required": False, "description": description, "schema": schema}

        deepest = self.max_depth // self.max_page_size
        return [
            parameter(
                "page", "A page by number; to go deeper, follow `next`.", type="integer", minimum=1, maximum=deepest
            ),
            parameter("page_size", "Rows on a page.", type="integer", minimum=1, maximum=self.max_page_size),
            parameter("cursor", "A place in the list, as `next` and `previous` give it.", type="string"),
        ]
