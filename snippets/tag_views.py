"""The address of tags."""

from typing import Any

from django.core.exceptions import ValidationError as DjangoValidationError
from django.db.models import Exists, OuterRef, QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import generics
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from api.pagination import KeysetPagination
from api.views import StrictQueryMixin
from snippets import tags
from snippets.models import Snippet
from snippets.querysets import RowCount
from snippets.serializers import TagSerializer
from snippets.tags import Tag

MAX_COUNTED = 1000  # snippets of one tag


class TagList(StrictQueryMixin, generics.ListAPIView):
    """The tags of what you may see in lists, in alphabetical order, and how many snippets have each."""

    serializer_class = TagSerializer
    pagination_class = KeysetPagination
    queryset = Tag.objects.none()
    query_parameters = ("q",)

    def seen(self) -> QuerySet[Snippet]:
        """The visitor's snippets of one tag."""
        return Snippet.objects.listed_for(self.request.user).filter(tags=OuterRef("pk")).order_by()

    def get_queryset(self) -> QuerySet[Tag]:
        found = Tag.objects.filter(Exists(self.seen()))
        if prefix := self.request.query_params.get("q"):
            found = found.filter(name__startswith=self.cleaned(prefix))
        return found.order_by("name", "pk")

    def paginate_queryset(self, queryset: QuerySet[Tag]) -> list[Tag]:
        """A page, and only its own tags are counted: a database would count those that it skips, too."""
        page: list[Tag] = super().paginate_queryset(queryset) or []
        pks = [tag.pk for tag in page]
        number = RowCount(self.seen().values("pk")[:MAX_COUNTED])
        counts = dict(Tag.objects.filter(pk__in=pks).values_list("pk", number))
        for tag in page:
            tag.snippet_count = counts.get(tag.pk, 0)
        return page

    @staticmethod
    def cleaned(prefix: str) -> str:
        try:
            return tags.cleaned_start(prefix)
        except DjangoValidationError as error:
            raise ValidationError({"q": error.messages}) from error

    @extend_schema(parameters=[OpenApiParameter("q", str, description="What the tag begins with.")])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)
