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

    def get_queryset(self) -> QuerySet[Tag]:
        through = Snippet.tags.through.objects.filter(tag=OuterRef("pk"))
        listed = Snippet.objects.listed_for(self.request.user)
        seen = through.filter(snippet__in=listed)
        found = Tag.objects.filter(Exists(seen)).annotate(snippet_count=RowCount(seen.values("pk")[:MAX_COUNTED]))
        if prefix := self.request.query_params.get("q"):
            found = found.filter(name__startswith=self.cleaned(prefix))
        return found.order_by("name", "pk")

    @staticmethod
    def cleaned(prefix: str) -> str:
        try:
            return tags.cleaned(prefix)
        except DjangoValidationError as error:
            raise ValidationError({"q": error.messages}) from error

    @extend_schema(parameters=[OpenApiParameter("q", str, description="What the tag begins with.")])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)
