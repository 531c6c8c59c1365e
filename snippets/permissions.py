"""Who may change what. Who may see what is decided in snippets.querysets, before anything here is asked.

- a snippet's owner changes and deletes it;
- one posted by nobody: whoever shows its edit key, in the header or in the session that posted it;
- staff delete anything, but do not write in other people's names;
- who may see that there is something which burns after reading opens it: staff by its link alone, as others do.
"""

from django.conf import settings
from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.authentication import SessionAuthentication
from accounts.models import digest_of
from accounts.permissions import TokenScope
from snippets.comments import Comment
from snippets.models import Snippet, Visibility

EDIT_KEY_HEADER = "X-Edit-Key"
SESSION_KEY = "edit_key_digests"
MAX_REMEMBERED = 100


def _shown(request: Request) -> str:
    """The digest of the edit key in the header."""
    key = request.headers.get(EDIT_KEY_HEADER, "")
    return digest_of(key) if key else ""


def edit_key_digests(request: Request) -> list[str]:
    """The digests of all edit keys that this visitor holds."""
    return [_shown(request), *request.session.get(SESSION_KEY, [])]


def remember_edit_key(request: Request, snippet: Snippet) -> None:
    """Lets this browser change the snippet that it has just posted."""
    digests = [*request.session.get(SESSION_KEY, []), snippet.edit_key_digest]
    request.session[SESSION_KEY] = digests[-MAX_REMEMBERED:]


class SnippetPermission(TokenScope):
    def has_permission(self, request: Request, view: APIView) -> bool:
        if not super().has_permission(request, view):
            return False
        return request.method != "POST" or request.user.is_authenticated or settings.ANONYMOUS_POSTING

    def has_object_permission(self, request: Request, view: APIView, snippet: Snippet) -> bool:
        if request.method in SAFE_METHODS:
            return True
        if request.user.is_authenticated and snippet.owner_id == request.user.pk:
            return True
        if request.method == "DELETE" and request.user.is_staff:
            return True
        return self._holds_edit_key(request, snippet)

    def _holds_edit_key(self, request: Request, snippet: Snippet) -> bool:
        if shown := _shown(request):
            if snippet.opens_with(shown):
                return True
            raise PermissionDenied("This edit key does not belong to this snippet.")
        if any(snippet.opens_with(digest) for digest in request.session.get(SESSION_KEY, [])):
            # The browser sends its session along from any site that asks it to. While a page is read, which asks for
            # each of its forms whether that would be allowed, there is no token to look for.
            if request._request.method not in SAFE_METHODS:
                SessionAuthentication().enforce_csrf(request)
            return True
        self.message = "You may read this snippet, but not change it."
        return False


class ChangePermission(SnippetPermission):
    """For a POST that changes a snippet: whether nobody may post one does not matter for it."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        return TokenScope.has_permission(self, request, view)


class AttachmentPermission(ChangePermission):
    """Who may change the snippet adds and removes attachments; posting one is no posting of a snippet."""


class ForkPermission(SnippetPermission):
    """Who may see a snippet, and may post one, may copy it."""

    def has_object_permission(self, request: Request, view: APIView, snippet: Snippet) -> bool:
        return True


class StarPermission(TokenScope):
    """Who sees a snippet may star it, once he has said who he is; nobody else has a star to look at."""

    def has_object_permission(self, request: Request, view: APIView, snippet: Snippet) -> bool:
        return request.user.is_authenticated


class CommentPermission(SnippetPermission):
    """Who sees a snippet reads its comments and, signed in, adds one. The author changes and deletes it.

    Who may delete the snippet deletes its comments too.
    """

    def has_permission(self, request: Request, view: APIView) -> bool:
        signed_in = request.user.is_authenticated or request.method != "POST"
        return signed_in and TokenScope.has_permission(self, request, view)

    def has_object_permission(self, request: Request, view: APIView, it: Snippet | Comment) -> bool:
        if isinstance(it, Snippet) or request.method in SAFE_METHODS:
            return True
        if request.user.is_authenticated and it.author_id == request.user.pk:
            return True
        self.message = "You may read this comment, but not change it."
        return request.method == "DELETE" and super().has_object_permission(request, view, it.snippet)


class OpeningPermission(SnippetPermission):
    """Opening changes what is there, but asks nobody who he is."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        return TokenScope.has_permission(self, request, view)

    def has_object_permission(self, request: Request, view: APIView, snippet: Snippet) -> bool:
        self.message = "Who holds its link opens it."
        if not snippet.conceals_from(request.user, edit_key_digests(request)):
            return True
        if _shown(request):  # who shows a key means to look, and not to burn: perhaps it is mistyped
            raise PermissionDenied("This edit key does not belong to the snippet.")
        return snippet.visibility == Visibility.UNLISTED and view.kwargs["ref"] == snippet.slug and not snippet.expired
