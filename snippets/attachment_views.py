"""The addresses of what has been uploaded to a snippet."""

from functools import partial
from typing import Any, cast

from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import transaction
from django.db.models.fields.files import FieldFile
from django.http.response import HttpResponseBase
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from api.downloads import FILE_HEADERS, FILE_RESPONSES, stored_file
from api.renderers import FileRenderer
from api.upload_parser import UploadParser
from snippets.models import Attachment, Snippet
from snippets.permissions import AttachmentPermission
from snippets.renderers import UploadPageRenderer
from snippets.serializers import AttachmentPageSerializer, AttachmentSerializer, NewAttachmentsSerializer
from snippets.throttling import AnonymousPostingThrottle
from snippets.views import EDIT_KEY, REF, SnippetView
from uploads.images import REDRAWN_TYPE

PK = OpenApiParameter("id", int, OpenApiParameter.PATH, description="The attachment's number.")
PLACE = [REF, PK, EDIT_KEY]


class AttachmentView(SnippetView):
    """Finds the attachment among those of the snippet, which must be one that the visitor may see."""

    permission_classes = [AttachmentPermission]
    serializer_class: type[BaseSerializer[Any]] = AttachmentSerializer
    works_with_uploads = True

    def known_parameters(self, request: Request) -> set[str]:
        return {"format"}

    def attachment_of(self, snippet: Snippet) -> Attachment:
        found = snippet.attachments.select_related("uploader").filter(pk=self.kwargs["pk"]).first()
        if found is None:
            raise NotFound
        return found

    def shown(self, snippet: Snippet, attachments: Any, **kwargs: Any) -> Any:
        context = {**self.get_serializer_context(), "snippet": snippet}
        return AttachmentSerializer(attachments, context=context, **kwargs).data


class AttachmentList(AttachmentView):
    """The files of a snippet, all on one page; add some as a multipart form, each as `file`."""

    parser_classes = [UploadParser]
    renderer_classes = [JSONRenderer, UploadPageRenderer]
    throttle_classes = [AnonymousPostingThrottle]
    serializer_class = NewAttachmentsSerializer
    schema_parameters = {"GET": [REF, EDIT_KEY], "POST": [REF, EDIT_KEY]}

    @extend_schema(operation_id="snippets_attachments_list", responses=AttachmentPageSerializer)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        snippet = self.get_object()
        results = self.shown(snippet, snippet.attachments.select_related("uploader"), many=True)
        return Response({"count": len(results), "next": None, "previous": None, "results": results})

    @extend_schema(operation_id="snippets_attachments_create", responses={201: AttachmentSerializer(many=True)})
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Takes all files, or none of them."""
        # Not locked while the files are on their way: that may take a while.
        snippet = self.find(lock=False)
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        attachments = serializer.validated_data["file"]
        uploader = request.user if request.user.is_authenticated else None
        try:
            snippet.check_room_for(attachments)
            Attachment.add(attachments, partial(self.find, lock=True), uploader)
        except DjangoValidationError as error:
            raise ValidationError({"file": error.messages}) from error
        return Response(self.shown(snippet, attachments, many=True), status=status.HTTP_201_CREATED)


class AttachmentDetail(AttachmentView):
    """What is known of one file."""

    schema_parameters = {"GET": PLACE, "DELETE": PLACE}

    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        snippet = self.get_object()
        return Response(self.shown(snippet, self.attachment_of(snippet)))

    @extend_schema(responses={204: None})
    @transaction.atomic
    def delete(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        self.attachment_of(self.find(lock=True)).delete()
        return Response(status=status.HTTP_204_NO_CONTENT)


class AttachmentContent(AttachmentView):
    """The file itself, from here or by a redirect to where it is stored."""

    renderer_classes = [FileRenderer]
    schema_parameters = {"GET": [*PLACE, *FILE_HEADERS]}

    def known_parameters(self, request: Request) -> set[str]:
        return set()

    @extend_schema(responses=FILE_RESPONSES)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
        it = self.attachment_of(self.get_object())
        return self.stored(it.file, filename=it.name, media_type=it.content_type, digest=it.sha256)

    def stored(self, file: FieldFile, **described: str) -> HttpResponseBase:
        seconds_left = cast(Attachment, file.instance).snippet.seconds_left
        return stored_file(self.request, file, **described, seconds_left=seconds_left)


class AttachmentPreview(AttachmentContent):
    """A small picture of an image, as WebP."""

    @extend_schema(responses=FILE_RESPONSES)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
        it = self.attachment_of(self.get_object())
        if not it.preview:
            raise NotFound
        name = f"preview-{it.pk}.webp"
        return self.stored(it.preview, filename=name, media_type=REDRAWN_TYPE, digest=f"preview{it.sha256}")
