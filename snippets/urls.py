"""The addresses of snippets."""

from django.urls import include, path, register_converter
from django.urls.converters import IntConverter, StringConverter

from snippets import (
    attachment_views,
    burning_views,
    comment_views,
    diff_views,
    fork_views,
    highlight_views,
    revision_views,
    star_views,
    tag_views,
    views,
    vocabulary_views,
)


class RefConverter(StringConverter):
    """A snippet's number, or its slug."""

    regex = "(?:0|[1-9][0-9]{0,18}|[0-9A-Za-z]{22})"


class NameConverter(StringConverter):
    """A name of a style or a format."""

    regex = "[0-9A-Za-z_-]{1,50}"


class NumberConverter(IntConverter):
    """A revision's number."""

    regex = "[1-9][0-9]{0,8}"


register_converter(NumberConverter, "number")
register_converter(RefConverter, "ref")
register_converter(NameConverter, "name")

snippet_list = views.SnippetViewSet.as_view({"get": "list", "post": "create"})
snippet_detail = views.SnippetViewSet.as_view(
    {"get": "retrieve", "put": "update", "patch": "partial_update", "delete": "destroy"}
)

revision = [
    path("", revision_views.RevisionDetail.as_view(), name="revision-detail"),
    path("raw/", revision_views.RevisionRaw.as_view(), name="revision-raw"),
    path("highlight/", revision_views.RevisionHighlight.as_view(), name="revision-highlight"),
    path("highlight.<name:format>", revision_views.RevisionHighlight.as_view()),
    path("diff/", diff_views.DiffView.as_view(), name="revision-diff"),
    path("diff.<name:format>", diff_views.DiffView.as_view()),
    path("restore/", revision_views.RestoreView.as_view(), name="revision-restore"),
]

urlpatterns = [
    path("snippets/", snippet_list, name="snippet-list"),
    path("snippets/<ref:ref>/", snippet_detail, name="snippet-detail"),
    path("snippets/<ref:ref>/open/", burning_views.OpenView.as_view(), name="snippet-open"),
    path("snippets/<ref:ref>/raw/", views.RawView.as_view(), name="snippet-raw"),
    path("snippets/<ref:ref>/highlight/", highlight_views.HighlightView.as_view(), name="snippet-highlight"),
    path("snippets/<ref:ref>/highlight.<name:format>", highlight_views.HighlightView.as_view()),
    path("snippets/<ref:ref>/fork/", fork_views.ForkView.as_view(), name="snippet-fork"),
    path("snippets/<ref:ref>/revisions/", revision_views.RevisionList.as_view(), name="revision-list"),
    path("snippets/<ref:ref>/revisions/<number:number>/", include(revision)),
    path("snippets/<ref:ref>/attachments/", attachment_views.AttachmentList.as_view(), name="attachment-list"),
    path(
        "snippets/<ref:ref>/attachments/<int:pk>/",
        attachment_views.AttachmentDetail.as_view(),
        name="attachment-detail",
    ),
    path(
        "snippets/<ref:ref>/attachments/<int:pk>/content/",
        attachment_views.AttachmentContent.as_view(),
        name="attachment-content",
    ),
    path(
        "snippets/<ref:ref>/attachments/<int:pk>/preview/",
        attachment_views.AttachmentPreview.as_view(),
        name="attachment-preview",
    ),
    path("snippets/<ref:ref>/star/", star_views.StarView.as_view(), name="star"),
    path("snippets/<ref:ref>/comments/", comment_views.CommentList.as_view(), name="comment-list"),
    path("snippets/<ref:ref>/comments/<int:pk>/", comment_views.CommentDetail.as_view(), name="comment-detail"),
    path("languages/", vocabulary_views.LanguageList.as_view(), name="language-list"),
    path("styles/", vocabulary_views.StyleList.as_view(), name="style-list"),
    path("styles/<name:name>.css", vocabulary_views.Stylesheet.as_view(), name="stylesheet"),
    path("tags/", tag_views.TagList.as_view(), name="tag-list"),
]
