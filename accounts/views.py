"""The addresses of users and tokens, and the log-in page of browsers."""

from typing import Any, cast

from django.contrib.auth import update_session_auth_hash, views as auth_views
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase, JsonResponse
from drf_spectacular.utils import extend_schema
from rest_framework import generics, mixins, status, viewsets
from rest_framework.exceptions import NotFound, Throttled, ValidationError
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.throttling import BaseThrottle

from accounts.authentication import BasicAuthentication, SessionAuthentication, TokenAuthentication
from accounts.models import ApiToken, User, digest_of
from accounts.parsers import AccountFormParser
from accounts.permissions import SignedInWithPassword, SignUpOrStaff, TokenScope
from accounts.serializers import (
    ApiTokenSerializer,
    AvatarSerializer,
    IssuedTokenSerializer,
    NewAvatarSerializer,
    ProfileSerializer,
    SignUpSerializer,
    UserSerializer,
)
from accounts.throttling import LoginThrottle, SignUpThrottle
from api.downloads import FILE_HEADERS, FILE_RESPONSES, stored_file
from api.pagination import KeysetPagination
from api.parsers import FormParser, JSONParser
from api.renderers import FileRenderer
from api.upload_parser import UploadParser
from api.views import StrictQueryMixin
from uploads.images import REDRAWN_TYPE


class UserList(StrictQueryMixin, generics.ListCreateAPIView):
    """Everybody (for staff); sign up by POST where that is open."""

    permission_classes = [SignUpOrStaff, TokenScope]
    parser_classes = [JSONParser, FormParser, AccountFormParser]
    pagination_class = KeysetPagination
    queryset = User.objects.filter(is_active=True).order_by("username", "pk")

    def get_serializer_class(self) -> type[BaseSerializer[User]]:
        return SignUpSerializer if self.request.method == "POST" else UserSerializer

    def get_throttles(self) -> list[BaseThrottle]:
        return [SignUpThrottle()] if self.request.method == "POST" else []


class UserDetail(StrictQueryMixin, generics.RetrieveAPIView):
    """What everybody may know of a user."""

    serializer_class = UserSerializer
    queryset = User.objects.filter(is_active=True)
    lookup_field = "username__iexact"
    lookup_url_kwarg = "username"


class Me(StrictQueryMixin, generics.RetrieveUpdateAPIView):
    """Your own account."""

    permission_classes = [IsAuthenticated, TokenScope]
    serializer_class = ProfileSerializer
    parser_classes = [JSONParser, FormParser, AccountFormParser]
    http_method_names = ["get", "patch", "head", "options"]

    def get_object(self) -> User:
        return cast(User, self.request.user)

    def perform_update(self, serializer: BaseSerializer[User]) -> None:
        user = serializer.save()
        if self.request.auth is None:
            update_session_auth_hash(self.request, user)


class Avatar(StrictQueryMixin, generics.GenericAPIView):
    """The picture of a user, as WebP."""

    renderer_classes = [FileRenderer]
    queryset = User.objects.filter(is_active=True)
    lookup_field = "username__iexact"
    lookup_url_kwarg = "username"
    schema_parameters = {"GET": FILE_HEADERS}
    works_with_uploads = True

    @extend_schema(responses=FILE_RESPONSES)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
        user = self.get_object()
        if not user.avatar:
            raise NotFound
        name, digest = f"{user.username}.webp", digest_of(user.avatar.name)
        return stored_file(request, user.avatar, filename=name, media_type=REDRAWN_TYPE, digest=digest)


class MyAvatar(StrictQueryMixin, generics.GenericAPIView):
    """Your own picture: send one as `file`, or remove it. It is shown where your account's `avatar` says."""

    permission_classes = [IsAuthenticated, TokenScope]
    parser_classes = [UploadParser]
    serializer_class = NewAvatarSerializer
    works_with_uploads = True

    def get_object(self) -> User:
        return cast(User, self.request.user)

    @extend_schema(operation_id="users_me_avatar_retrieve", responses=AvatarSerializer)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return Response(AvatarSerializer(self.get_object(), context=self.get_serializer_context()).data)

    @extend_schema(operation_id="users_me_avatar_update", responses=AvatarSerializer)
    def put(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        user = self.get_object()
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        try:
            user.change_avatar(serializer.validated_data["file"])
        except DjangoValidationError as error:
            raise ValidationError({"file": error.messages}) from error
        return Response(AvatarSerializer(user, context=self.get_serializer_context()).data)

    @extend_schema(operation_id="users_me_avatar_destroy", responses={204: None})
    def delete(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        self.get_object().remove_avatar()
        return Response(status=status.HTTP_204_NO_CONTENT)


class TokenViewSet(
    StrictQueryMixin,
    mixins.CreateModelMixin,
    mixins.RetrieveModelMixin,
    mixins.DestroyModelMixin,
    mixins.ListModelMixin,
    viewsets.GenericViewSet,
):
    """Your tokens. Making one takes your password (`curl --user`) or a session; the answer shows its secret, once."""

    authentication_classes = [TokenAuthentication, BasicAuthentication, SessionAuthentication]
    permission_classes = [IsAuthenticated, SignedInWithPassword]
    serializer_class = ApiTokenSerializer
    pagination_class = KeysetPagination
    queryset = ApiToken.objects.none()
    lookup_value_converter = "int"

    def get_queryset(self) -> QuerySet[ApiToken]:
        return ApiToken.objects.filter(user=cast(User, self.request.user)).order_by("-created", "-pk")

    @extend_schema(responses={201: IssuedTokenSerializer})
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        token, secret = ApiToken.issue(cast(User, request.user), **serializer.validated_data)
        data = IssuedTokenSerializer(token, context=self.get_serializer_context()).data | {"token": secret}
        return Response(data, status=status.HTTP_201_CREATED, headers={"Location": str(data["url"])})


class LoginView(auth_views.LoginView):
    template_name = "rest_framework/login.html"
    redirect_authenticated_user = True

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            LoginThrottle.check(request)
        except Throttled as error:
            wait = str(int(getattr(error, "wait", None) or 1) + 1)
            return JsonResponse({"detail": error.detail}, status=429, headers={"Retry-After": wait})
        return super().post(request, *args, **kwargs)
