"""Pages of snippets."""

from rest_framework.request import Request

from api.pagination import KeysetPagination


class SnippetPagination(KeysetPagination):
    """Rows that bring their code are larger, so a page has fewer of them."""

    max_page_size_with_code = 20

    def largest_size(self, request: Request) -> int:
        return self.max_page_size_with_code if request.query_params.get("include") == "code" else self.max_page_size
