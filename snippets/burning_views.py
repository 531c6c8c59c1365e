"""The address that opens what burns after reading."""

from typing import Any

from django.db import transaction
from drf_spectacular.utils import extend_schema
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from api.exceptions import Conflict, Gone
from snippets.lifetime_serializers import OpeningSerializer
from snippets.lifetimes import AlreadyOpenedError, OpenedSnippet
from snippets.models import Snippet
from snippets.permissions import OpeningPermission
from snippets.renderers import OpenedPageRenderer
from snippets.serializers import SnippetDetailSerializer
from snippets.throttling import AnonymousPostingThrottle
from snippets.views import EDIT_KEY, IF_MATCH, REF, WholeSnippetView


class OpenView(WholeSnippetView):
    """Opens a snippet that burns after reading: the answer has all of it, and then it is gone.

    Its owner reads it here too, and nothing burns.
    """

    permission_classes = [OpeningPermission]
    renderer_classes = [JSONRenderer, OpenedPageRenderer]
    throttle_classes = [AnonymousPostingThrottle]
    serializer_class: type[BaseSerializer[Any]] = OpeningSerializer
    serves_concealed = True
    schema_parameters = {"POST": [REF, EDIT_KEY, IF_MATCH]}
    more_errors = ("409",)
    burns = False

    @extend_schema(operation_id="snippets_open", request=OpeningSerializer, responses=SnippetDetailSerializer)
    @transaction.atomic
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Of many who ask at once, the one whose deletion finds the row gets it. It is locked until then."""
        self.get_serializer(data=request.data).is_valid(raise_exception=True)
        snippet = self.find(lock=True)
        if not snippet.burn_after_read:
            raise Conflict("This snippet does not burn after reading: GET its address.")
        data = SnippetDetailSerializer(snippet, context=self.get_serializer_context()).data
        self.burns = self.conceals(snippet)
        if self.burns:
            self.burn(snippet)
        return Response(data, headers={"Cache-Control": "private, no-store"})

    @staticmethod
    def burn(snippet: Snippet) -> None:
        try:
            OpenedSnippet.burn(snippet)
        except AlreadyOpenedError as error:
            raise Gone("This snippet has just been opened by somebody else, and burnt after reading.") from error
