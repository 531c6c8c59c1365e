"""The addresses of snippets."""

from datetime import UTC, datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, PolymorphicProxySerializer, extend_schema
from rest_framework import status, viewsets
from rest_framework.exceptions import NotFound, PermissionDenied, ValidationError
from rest_framework.generics import GenericAPIView
from rest_framework.permissions import SAFE_METHODS
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from api.downloads import protect
from api.exceptions import Gone
from api.parsers import FormParser, JSONParser, MultiPartParser
from api.response_cache import KEEP, SHARED
from api.views import StrictQueryMixin
from snippets.conditions import check_preconditions, etag_of, is_fresh
from snippets.downloads import filename_of
from snippets.filters import SnippetFilter, SnippetFilterBackend
from snippets.lifetime_serializers import ConcealedSnippetSerializer
from snippets.lifetimes import OpenedSnippet
from snippets.models import Snippet
from snippets.pagination import SnippetPagination
from snippets.parsers import PlainTextParser
from snippets.permissions import SnippetPermission, edit_key_digests, remember_edit_key
from snippets.querysets import NEWEST_FIRST, Visitor
from snippets.reading import a_public_one_expires_within, read
from snippets.renderers import RawRenderer, SnippetPageRenderer
from snippets.serializers import CreatedSnippetSerializer, SnippetDetailSerializer, SnippetRowSerializer
from snippets.throttling import AnonymousPostingThrottle

INCLUDABLE = ("code",)
BODY_METHODS = ("POST", "PUT", "PATCH")


def _header(name: str, description: str) -> OpenApiParameter:
    return OpenApiParameter(name, str, OpenApiParameter.HEADER, description=description)


EDIT_KEY = _header("X-Edit-Key", "The key that came with a snippet posted without an account.")
IF_MATCH = _header("If-Match", "The ETag of the version that you have read; 412 if there is a later one.")
IF_NONE_MATCH = _header("If-None-Match", "The ETag of what you have; 304 if that is still so.")
REF = OpenApiParameter(
    "ref",
    {"type": "string", "pattern": "^([0-9]{1,19}|[0-9A-Za-z]{22})$"},
    OpenApiParameter.PATH,
    description="A snippet's number, or its slug.",
    examples=[OpenApiExample("The first snippet", "1")],
)
READING = [REF, EDIT_KEY, IF_NONE_MATCH]
WRITING = [REF, EDIT_KEY, IF_MATCH]

EXAMPLES = [
    OpenApiExample("Just code", {"code": 'print("hello")\n'}, request_only=True),
    OpenApiExample(
        "With everything",
        {
            "title": "Greeting",
            "code": 'console.log("hello");\n',
            "linenos": True,
            "language": "javascript",
            "style": "monokai",
            "filename": "hello.js",
            "description": "Says hello.",
            "visibility": "unlisted",
        },
        request_only=True,
    ),
]


def opened_already(moment: datetime) -> Gone:
    return Gone(f"This snippet was opened at {moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}, and burnt after reading.")


WHOLE_OR_CONCEALED = PolymorphicProxySerializer(
    component_name="SnippetOrConcealed",
    serializers=[SnippetDetailSerializer, ConcealedSnippetSerializer],
    resource_type_field_name=None,
)


class SnippetView(StrictQueryMixin, GenericAPIView):
    """Finds the snippet of the address, where the visitor may see it, and says how long an answer may be kept."""

    permission_classes = [SnippetPermission]
    serializer_class: type[BaseSerializer[Any]] = SnippetDetailSerializer
    queryset = Snippet.objects.none()
    lookup_field = "ref"
    schema_parameters: dict[str, list[OpenApiParameter]] = {"GET": READING}
    describes = False  # whether it shows what other tables have of it
    serves_concealed = False  # whether it has an answer for what burns after reading, to who must not see what it holds

    def get_object(self) -> Snippet:
        return self.find(lock=self.request.method not in SAFE_METHODS)

    @property
    def place(self) -> tuple[str, Visitor, list[str]]:
        """The address, and who asks for it."""
        return self.kwargs["ref"], self.request.user, edit_key_digests(self.request)

    def find(self, *, lock: bool) -> Snippet:
        """The snippet; `lock` keeps others from changing it until the end of the transaction."""
        request: Request = self.request
        snippet = self._locked() if lock else read(*self.place, described=self.describes)
        if snippet is None:
            opened = OpenedSnippet.objects.at(*self.place).first()
            raise opened_already(opened.opened) if opened else NotFound
        self.check_object_permissions(request, snippet)
        if not self.serves_concealed and self.conceals(snippet):
            raise PermissionDenied("This snippet burns after reading. Open it first: POST to its address and open/.")
        self.check_conditions(request, snippet)
        return snippet

    def _locked(self) -> Snippet | None:
        found = Snippet.objects.at(*self.place)
        found = found.described_for(self.request.user) if self.describes else found.with_owner_name()
        return found.select_for_update(of=("self",)).first()

    def check_conditions(self, request: Request, snippet: Snippet) -> None:
        if request.method not in SAFE_METHODS:
            check_preconditions(request, snippet)

    def conceals(self, snippet: Snippet) -> bool:
        """Whether this visitor must not see what it holds. His edit keys are looked for only where that could be."""
        return snippet.burn_after_read and snippet.conceals_from(self.request.user, edit_key_digests(self.request))

    @transaction.atomic  # describing PUT asks whether it is allowed, which locks the row
    def options(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        if "ref" in kwargs:
            self.get_object()  # what is hidden has no options either
        return super().options(request, *args, **kwargs)

    def answer(self, snippet: Snippet, data: Any, etag: str, status_code: int = 200) -> Response:
        """The answer with its ETag; a public snippet may be kept by everybody who asks again before using it."""
        response = Response(data, status=status_code, headers={"ETag": etag})
        is_for_all = snippet.visibility == "public" and self.request.method in SAFE_METHODS and not self.is_page
        if is_for_all and snippet.seconds_left > KEEP and not self._source_expires(snippet):
            response["Cache-Control"] = SHARED
        return response

    def _source_expires(self, snippet: Snippet) -> bool:
        """Whether that could end what is shown of it, while the answer is kept. It is for nobody who is signed in."""
        names_it = self.describes and snippet.visible_source is not None
        return names_it and not self.request.user.is_authenticated and a_public_one_expires_within(KEEP)

    @property
    def is_page(self) -> bool:
        """Which greets the visitor by name."""
        is_page: bool = self.request.accepted_renderer.format == "api"
        return is_page

    def tag(self, snippet: Snippet, *representation: object) -> str:
        return etag_of(snippet, *representation)

    def not_modified(self, snippet: Snippet, etag: str) -> Response:
        return self.answer(snippet, None, etag, status.HTTP_304_NOT_MODIFIED)


class WholeSnippetView(SnippetView):
    """Answers with a snippet and all that is known of it."""

    describes = True

    def created(self, snippet: Snippet) -> Response:
        """Stores what has just been made, as the visitor's or with an edit key."""
        request: Request = self.request
        if request.user.is_authenticated:
            snippet.owner, edit_key = request.user, None
        else:
            edit_key = snippet.new_edit_key()
        snippet.save()
        if edit_key and self.is_page:
            remember_edit_key(request, snippet)
        snippet.describe_as_new()
        data = CreatedSnippetSerializer(snippet, context=self.get_serializer_context()).data | {"edit_key": edit_key}
        response = self.answer(snippet, data, self.etag(snippet), status.HTTP_201_CREATED)
        response["Location"] = data["url"]
        return response

    def author(self, snippet: Snippet) -> Any:
        """Whom a change is noted of: None where an edit key allowed it."""
        user = self.request.user
        return user if user.is_authenticated and user.pk == snippet.owner_id else None

    def etag(self, snippet: Snippet) -> str:
        request: Request = self.request
        visitor = request.user.pk if self.is_page else None
        # What others do to it is shown too, and makes no version of it.
        counts = (snippet.star_count, snippet.comment_count, snippet.is_starred_by(request.user))
        others = (snippet.owner_name, snippet.visible_source, visitor, *counts)
        shown = (*others, snippet.expired, self.conceals(snippet))
        return self.tag(snippet, request.accepted_media_type, request.build_absolute_uri("/"), *shown)


class SnippetViewSet(WholeSnippetView, viewsets.ModelViewSet):
    """Post code, read it, change it, delete it."""

    parser_classes = [JSONParser, FormParser, MultiPartParser, PlainTextParser]
    filter_backends = [SnippetFilterBackend]
    filterset_class = SnippetFilter
    pagination_class = SnippetPagination
    throttle_classes = [AnonymousPostingThrottle]
    may_repeat = (*SnippetFilterBackend.may_repeat, "tags")
    renderer_classes = [JSONRenderer, SnippetPageRenderer]
    serves_concealed = True
    schema_parameters = {"PUT": WRITING, "PATCH": WRITING, "DELETE": WRITING}

    def get_queryset(self) -> QuerySet[Snippet]:
        return Snippet.objects.listed_for(self.request.user).ordered_by(NEWEST_FIRST)

    def get_serializer_class(self) -> type[BaseSerializer[Snippet]]:
        return {"list": SnippetRowSerializer, "create": CreatedSnippetSerializer}.get(
            self.action or "", SnippetDetailSerializer
        )

    def get_serializer_context(self) -> dict[str, Any]:
        return {**super().get_serializer_context(), "include": self.request.query_params.get("include")}

    def known_parameters(self, request: Request) -> set[str]:
        known = super().known_parameters(request)
        if request.method in BODY_METHODS and request.content_type.startswith(PlainTextParser.media_type):
            if request.stream is None:
                raise ValidationError({"code": ["The body is the code, and it is empty."]})
            return known | set(request.query_params)  # they are the snippet's fields, checked as such
        return known | {"include", *SnippetFilterBackend.query_parameters} if self.action == "list" else known

    @extend_schema(
        parameters=[
            OpenApiParameter("include", str, enum=INCLUDABLE, description="`code`: rows with all of their code."),
        ]
    )
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        if request.query_params.get("include", "code") not in INCLUDABLE:
            raise ValidationError({"include": [f"Must be one of: {', '.join(INCLUDABLE)}."]})
        is_for_all = not (request.user.is_authenticated or self.is_page or a_public_one_expires_within(KEEP))
        response = super().list(request, *args, **kwargs)
        if is_for_all:
            response["Cache-Control"] = SHARED
        return response

    @extend_schema(examples=EXAMPLES)
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        return self.created(Snippet(**serializer.validated_data))

    @extend_schema(parameters=READING, responses=WHOLE_OR_CONCEALED)
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        snippet = self.get_object()
        etag = self.etag(snippet)
        if is_fresh(request, etag):
            return self.not_modified(snippet, etag)
        serializer = ConcealedSnippetSerializer if self.conceals(snippet) else SnippetDetailSerializer
        return self.answer(snippet, serializer(snippet, context=self.get_serializer_context()).data, etag)

    @extend_schema(examples=EXAMPLES)
    @transaction.atomic
    def update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Changes the snippet while nobody else can: it is locked from the look at its version on."""
        snippet = self.get_object()
        serializer = self.get_serializer(snippet, data=request.data, partial=kwargs.get("partial", False))
        serializer.is_valid(raise_exception=True)
        serializer.save(author=self.author(snippet))
        return self.answer(snippet, serializer.data, self.etag(snippet))

    @transaction.atomic
    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().destroy(request, *args, **kwargs)


class RawView(SnippetView):
    """The code, byte for byte."""

    renderer_classes = [RawRenderer]

    def known_parameters(self, request: Request) -> set[str]:
        return set()

    @extend_schema(responses={(200, "text/plain"): OpenApiTypes.STR})
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        snippet = self.get_object()
        etag = self.tag(snippet, "raw")
        if is_fresh(request, etag):
            return self.not_modified(snippet, etag)
        return protect(self.answer(snippet, snippet.code.encode(), etag), filename_of(snippet))
