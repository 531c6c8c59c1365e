"""The address that copies a snippet."""

from typing import Any

from django.db import transaction
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from snippets.models import Snippet
from snippets.permissions import ForkPermission
from snippets.serializers import CreatedSnippetSerializer, ForkSerializer
from snippets.throttling import AnonymousPostingThrottle
from snippets.views import EDIT_KEY, REF, WholeSnippetView


class ForkView(WholeSnippetView):
    """Makes a copy of the snippet, which is the visitor's: what it says, and not what others have added to it."""

    permission_classes = [ForkPermission]
    throttle_classes = [AnonymousPostingThrottle]
    serializer_class = ForkSerializer
    schema_parameters = {"POST": [REF, EDIT_KEY]}

    @extend_schema(operation_id="snippets_fork", responses={201: CreatedSnippetSerializer})
    @transaction.atomic
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        source = self.get_object()  # locked, so that it is still there when the copy names it
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        fork = source.fork()
        fork.visibility = serializer.validated_data.get("visibility", fork.visibility)
        listed = Snippet.objects.listed_for(request.user).filter(pk=source.pk).exists()
        fork.visible_source = source.ref if listed else None
        return self.created(fork)
