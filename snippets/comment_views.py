"""The addresses of comments on a snippet."""

from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, status
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from api.pagination import KeysetPagination
from snippets.comment_serializers import CommentSerializer
from snippets.comments import Comment
from snippets.conditions import check_preconditions, etag_of_version, is_fresh
from snippets.models import Snippet
from snippets.permissions import CommentPermission
from snippets.views import EDIT_KEY, IF_MATCH, IF_NONE_MATCH, REF, SnippetView

PK = OpenApiParameter("id", int, OpenApiParameter.PATH, description="The comment's number.")
WRITING = [REF, PK, EDIT_KEY, IF_MATCH]


class CommentView(SnippetView):
    """Finds comments among those of the snippet, which must be one that the visitor may see."""

    permission_classes = [CommentPermission]
    serializer_class: type[BaseSerializer[Any]] = CommentSerializer
    snippet: Snippet | None = None

    def comments_of(self, snippet: Snippet) -> QuerySet[Comment]:
        self.snippet = snippet  # whose address stands in theirs
        return Comment.objects.filter(snippet=snippet).select_related("author").order_by("created", "pk")

    def get_serializer_context(self) -> dict[str, Any]:
        return {**super().get_serializer_context(), "snippet": self.snippet}

    def check_conditions(self, request: Request, snippet: Snippet) -> None:
        """None on the snippet: they are about the comment."""

    def etag(self, snippet: Snippet, comment: Comment) -> str:
        request: Request = self.request
        author = comment.author.username if comment.author else None
        visitor = request.user.pk if self.is_page else None
        place = (request.build_absolute_uri("/"), snippet.ref, comment.pk)
        return etag_of_version(comment.version, "comment", *place, author, request.accepted_media_type, visitor)


class CommentList(mixins.ListModelMixin, CommentView):
    """The comments on a snippet, the oldest first; who is signed in adds one."""

    pagination_class = KeysetPagination
    schema_parameters = {"GET": [REF, EDIT_KEY], "POST": [REF, EDIT_KEY]}

    def known_parameters(self, request: Request) -> set[str]:
        return {"format", *(KeysetPagination.query_parameters if request.method != "POST" else ())}

    def get_queryset(self) -> QuerySet[Comment]:
        return self.comments_of(self.find(lock=False))

    @extend_schema(operation_id="snippets_comments_list")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.list(request, *args, **kwargs)

    @extend_schema(operation_id="snippets_comments_create", responses={201: CommentSerializer})
    @transaction.atomic
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        # Locked, so that the snippet is still there when the comment is stored.
        self.snippet = self.find(lock=True)
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        comment = serializer.save(snippet=self.snippet, author=request.user)
        data = serializer.data
        response = self.answer(self.snippet, data, self.etag(self.snippet, comment), status.HTTP_201_CREATED)
        response["Location"] = str(data["url"])
        return response


class CommentDetail(CommentView):
    """One comment. Its author changes it; the author, the snippet's owner and staff delete it."""

    schema_parameters = {
        "GET": [REF, PK, EDIT_KEY, IF_NONE_MATCH],
        **dict.fromkeys(("PUT", "PATCH", "DELETE"), WRITING),
    }

    def comment_of(self, snippet: Snippet) -> Comment:
        """The one of the address, where the visitor may do with it what he wants to."""
        comment = self.comments_of(snippet).filter(pk=self.kwargs["pk"]).first()
        if comment is None:
            raise NotFound
        comment.snippet = snippet
        self.check_object_permissions(self.request, comment)
        if self.request.method in ("PUT", "PATCH", "DELETE"):
            check_preconditions(self.request, comment)
        return comment

    @extend_schema(operation_id="snippets_comments_retrieve")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        snippet = self.get_object()
        comment = self.comment_of(snippet)
        etag = self.etag(snippet, comment)
        if is_fresh(request, etag):
            return self.not_modified(snippet, etag)
        return self.answer(snippet, self.get_serializer(comment).data, etag)

    @extend_schema(operation_id="snippets_comments_update")
    def put(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.change(request, partial=False)

    @extend_schema(operation_id="snippets_comments_partial_update")
    def patch(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.change(request, partial=True)

    @transaction.atomic
    def change(self, request: Request, *, partial: bool) -> Response:
        """While nobody else can: what is locked is the snippet, which all writers of its comments do."""
        snippet = self.find(lock=True)
        comment = self.comment_of(snippet)
        serializer = self.get_serializer(comment, data=request.data, partial=partial)
        serializer.is_valid(raise_exception=True)
        serializer.save()
        return self.answer(snippet, serializer.data, self.etag(snippet, comment))

    @extend_schema(operation_id="snippets_comments_destroy", responses={204: None})
    @transaction.atomic
    def delete(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        self.comment_of(self.find(lock=True)).delete()
        return Response(status=status.HTTP_204_NO_CONTENT)
