"""The address of your star on a snippet."""

from typing import Any, cast

from django.db import transaction
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer, Serializer

from accounts.models import User
from snippets.permissions import StarPermission
from snippets.stars import Star
from snippets.views import EDIT_KEY, REF, SnippetView

PLACE = [REF, EDIT_KEY]


class StarView(SnippetView):
    """Your star on a snippet. Giving it twice, or taking it away twice, is no error."""

    permission_classes = [StarPermission]
    serializer_class: type[BaseSerializer[Any]] = Serializer  # a body is not read
    schema_parameters = {"GET": PLACE, "PUT": PLACE, "DELETE": PLACE}

    @extend_schema(operation_id="snippets_star_retrieve", responses={204: None})
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Whether you have starred it: 204, or else 404."""
        if not self.get_object().is_starred_by(request.user):
            raise NotFound("You have not starred this snippet.")
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(operation_id="snippets_star_update", request=None, responses={204: None})
    @transaction.atomic
    def put(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        # Locked, so that the snippet is still there when the star is stored.
        Star.give(self.find(lock=True), cast(User, request.user))
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(operation_id="snippets_star_destroy", responses={204: None})
    @transaction.atomic
    def delete(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        Star.take_away(self.find(lock=True), cast(User, request.user))
        return Response(status=status.HTTP_204_NO_CONTENT)
