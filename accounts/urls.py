"""The addresses of accounts."""

from django.contrib.auth import views as auth_views
from django.urls import include, path, register_converter
from django.urls.converters import StringConverter

from accounts import views


class UsernameConverter(StringConverter):
    """A name as accounts.models.User allows it."""

    regex = "[A-Za-z0-9][A-Za-z0-9_.-]{0,49}"


register_converter(UsernameConverter, "username")

browser = (
    [
        path("login/", views.LoginView.as_view(), name="login"),
        path("logout/", auth_views.LogoutView.as_view(), name="logout"),
    ],
    "rest_framework",  # the namespace in which the browsable API looks for its log-in and log-out
)

urlpatterns = [
    path("auth/", include(browser)),
    path("users/", views.UserList.as_view(), name="user-list"),
    path("users/me/", views.Me.as_view(), name="me"),
    path("users/me/avatar/", views.MyAvatar.as_view(), name="my-avatar"),
    path("users/<username:username>/avatar/", views.Avatar.as_view(), name="user-avatar"),
    path("users/<username:username>/", views.UserDetail.as_view(), name="user-detail"),
    path("tokens/", views.TokenViewSet.as_view({"get": "list", "post": "create"}), name="token-list"),
    path("tokens/<int:pk>/", views.TokenViewSet.as_view({"get": "retrieve", "delete": "destroy"}), name="token-detail"),
]
