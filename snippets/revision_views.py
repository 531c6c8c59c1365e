"""The addresses of a snippet's history."""

from typing import Any, cast

from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import transaction
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from snippets.conditions import etag_of_revision, is_fresh
from snippets.highlight_views import HIGHLIGHT_ANSWERS, HighlightView
from snippets.models import Snippet
from snippets.pagination import RevisionPagination
from snippets.permissions import ChangePermission
from snippets.revision_serializers import RestoreSerializer, RevisionRowSerializer, RevisionSerializer
from snippets.revisions import Revision
from snippets.serializers import HighlightOptionsSerializer, SnippetDetailSerializer
from snippets.views import EDIT_KEY, IF_MATCH, IF_NONE_MATCH, REF, RawView, SnippetView, WholeSnippetView

NUMBER = OpenApiParameter("number", int, OpenApiParameter.PATH, description="A revision's number, from 1.")
READING = [REF, NUMBER, EDIT_KEY, IF_NONE_MATCH]


class RevisionView(SnippetView):
    """Finds the revision among those of the snippet, which must be one that the visitor may see."""

    serializer_class: type[BaseSerializer[Any]] = RevisionSerializer
    schema_parameters = {"GET": READING}
    revision: Revision

    def get_object(self) -> Snippet:
        """The snippet as it was."""
        snippet = super().get_object()
        self.revision = revision_of(snippet, self.kwargs["number"])
        return snippet.as_of(self.revision)

    def tag(self, snippet: Snippet, *representation: object) -> str:
        return etag_of_revision(snippet, self.revision.number, str(self.revision.author), *representation)


def revision_of(snippet: Snippet, number: int) -> Revision:
    revision = snippet.revision_at(number)
    if revision is None:
        raise NotFound
    return revision


class RevisionList(SnippetView):
    """What the snippet was, newest first."""

    pagination_class = RevisionPagination
    serializer_class = RevisionRowSerializer
    schema_parameters = {"GET": [REF, EDIT_KEY]}

    def known_parameters(self, request: Request) -> set[str]:
        return {"format", *RevisionPagination.query_parameters}

    @extend_schema(operation_id="snippets_revisions_list", responses=RevisionRowSerializer(many=True))
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        snippet = self.get_object()
        rows = cast(RevisionPagination, self.paginator).page_of(snippet, request)
        context = {**self.get_serializer_context(), "snippet": snippet}
        answer: Response = self.get_paginated_response(RevisionRowSerializer(rows, many=True, context=context).data)
        return answer


class RevisionDetail(RevisionView):
    """One revision, with its code."""

    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        snippet = self.get_object()
        visitor = request.user.pk if self.is_page else None
        etag = self.tag(snippet, request.accepted_media_type, request.build_absolute_uri("/"), visitor)
        if is_fresh(request, etag):
            return self.not_modified(snippet, etag)
        context = {**self.get_serializer_context(), "snippet": snippet}
        return self.answer(snippet, RevisionSerializer(self.revision, context=context).data, etag)


class RevisionRaw(RevisionView, RawView):
    """The code of a revision, byte for byte."""

    @extend_schema(responses={(200, "text/plain"): OpenApiTypes.STR})
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)


class RevisionHighlight(RevisionView, HighlightView):
    """The code of a revision with colours, in all formats that the snippet's own has."""

    template = "snippets/revision.html"

    @extend_schema(parameters=[HighlightOptionsSerializer], responses=HIGHLIGHT_ANSWERS)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    def about(self, snippet: Snippet) -> dict[str, Any]:
        return {"revision": self.revision}


class RestoreView(WholeSnippetView):
    """Makes the content of a revision the newest one again; nothing where it is that already."""

    permission_classes = [ChangePermission]
    serializer_class = RestoreSerializer
    schema_parameters = {"POST": [REF, NUMBER, EDIT_KEY, IF_MATCH]}

    @extend_schema(operation_id="snippets_revisions_restore", responses=SnippetDetailSerializer)
    @transaction.atomic
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        snippet = self.get_object()
        revision = revision_of(snippet, self.kwargs["number"])
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        message = serializer.validated_data.get("revision_message") or f"Restores revision {revision.number}."
        try:
            snippet.restore(revision, author=self.author(snippet), message=message)
        except DjangoValidationError as error:  # the rules have changed since
            raise ValidationError(error.message_dict) from error
        data = SnippetDetailSerializer(snippet, context=self.get_serializer_context()).data
        return self.answer(snippet, data, self.etag(snippet))
