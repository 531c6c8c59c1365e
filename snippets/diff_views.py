"""The address of what differs between two revisions."""

from typing import Any

import pygments
from django.template.loader import render_to_string
from django.utils.safestring import mark_safe
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from api.downloads import protect
from api.pagination import whole_number
from snippets import differences, rendering
from snippets.conditions import is_fresh
from snippets.downloads import filename_of
from snippets.highlight_views import PAGE_POLICY
from snippets.highlighting import REVISION
from snippets.markup import html_lines
from snippets.models import Snippet
from snippets.renderers import DiffPageRenderer, PatchRenderer
from snippets.rendering import Comparison
from snippets.revision_serializers import DiffSerializer
from snippets.revision_views import RevisionView, revision_of
from snippets.revisions import CONTENT, Revision

AGAINST = OpenApiParameter("against", int, description="Another revision's number. Default: the one before.")


class DiffView(RevisionView):
    """What differs from another revision: as JSON, as a patch or as a page, by Accept, `?format=` or suffix."""

    renderer_classes = [JSONRenderer, PatchRenderer, DiffPageRenderer]
    serializer_class = DiffSerializer
    query_parameters = ("against",)

    @extend_schema(
        parameters=[AGAINST],
        responses={
            (200, "application/json"): DiffSerializer,
            (200, PatchRenderer.media_type): OpenApiTypes.STR,
            (200, DiffPageRenderer.media_type): OpenApiTypes.STR,
        },
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        snippet = self.find(lock=False)
        self.revision = revision_of(snippet, self.kwargs["number"])
        before = self.other(request, snippet)
        form = request.accepted_renderer.format
        against = (before.number, str(before.author)) if before else None
        etag = self.tag(snippet, "diff", form, against, snippet.style, pygments.__version__, REVISION)
        if is_fresh(request, etag):
            return self.not_modified(snippet, etag)
        try:
            comparison = rendering.compare(before.code if before else "", self.revision.code)
        except differences.DifferenceTooLarge as error:
            raise ValidationError({"against": [str(error)]}) from error
        write = {"patch": self.as_patch, "html": self.as_page}.get(form, self.as_data)
        response = self.answer(snippet, None, etag)
        response.data = write(snippet, before, comparison, response)
        response["X-Diff"] = "true"
        if comparison.coarse_because:
            response["X-Diff"] = f"false; reason={comparison.coarse_because}"
            _not_to_be_kept(response)
        return response

    def other(self, request: Request, snippet: Snippet) -> Revision | None:
        """What it is compared with; None: nothing, which was there before the first one."""
        text = request.query_params.get("against")
        if text is not None:
            return revision_of(snippet, whole_number("against", text, snippet.revision))
        return revision_of(snippet, self.revision.number - 1) if self.revision.number > 1 else None

    def as_data(
        self, snippet: Snippet, before: Revision | None, comparison: Comparison, response: Response
    ) -> dict[str, Any]:
        return {
            "number": self.revision.number,
            "against": before.number if before else None,
            "coarse": comparison.coarse_because,
            "changes": self.changes(before),
            "hunks": [
                {name: getattr(hunk, name) for name in ("old_start", "old_lines", "new_start", "new_lines")}
                | {"lines": [_line(line) for line in hunk.lines]}
                for hunk in comparison.hunks
            ],
        }

    def as_patch(self, snippet: Snippet, before: Revision | None, comparison: Comparison, response: Response) -> bytes:
        old = f"a/{filename_of(snippet.as_of(before))}" if before else "/dev/null"
        new = f"b/{filename_of(snippet.as_of(self.revision))}"
        protect(response, f"snippet-{snippet.ref}-{self.revision.number}.patch")
        return differences.patch(comparison.hunks, old, new).encode()

    def as_page(self, snippet: Snippet, before: Revision | None, comparison: Comparison, response: Response) -> bytes:
        sides = [_highlighted(snippet.as_of(it)) if it else ([], None) for it in (before, self.revision)]
        (old, _), (new, _) = sides
        plain_because = next((reason for _, reason in sides if reason), None)
        if plain_because:
            _not_to_be_kept(response)
        rows = mark_safe(differences.html(comparison.hunks, old, new))  # noqa: S308 - snippets.markup has escaped it
        shown = snippet.as_of(self.revision)
        context = {"snippet": shown, "before": before, "revision": self.revision, "changes": self.changes(before)}
        reasons = {"coarse_because": comparison.coarse_because, "plain_because": plain_because}
        protect(response, "")["Content-Security-Policy"] = PAGE_POLICY
        del response["Content-Disposition"]
        return render_to_string("snippets/diff.html", context | reasons | {"rows": rows}).encode()

    def changes(self, before: Revision | None) -> dict[str, dict[str, str]]:
        """What else differs than the code."""
        names = [name for name in CONTENT if name != "code"] if before else []
        values = {name: {"old": getattr(before, name), "new": getattr(self.revision, name)} for name in names}
        return {name: value for name, value in values.items() if value["old"] != value["new"]}


def _line(line: differences.Line) -> dict[str, Any]:
    kind = differences.CLASSES[line.kind]
    text = line.text.removesuffix("\n")
    return {"kind": kind, "old": line.old, "new": line.new, "text": text, "ended": line.ended}


def _highlighted(snippet: Snippet) -> tuple[list[str], str | None]:
    """The markup of each line, and why it is plain. A CR within a line is no end of it here."""
    snippet.code = snippet.code.replace("\r\n", "\n").replace("\r", "\N{SYMBOL FOR CARRIAGE RETURN}")
    rendered = snippet.render(snippet.options("fragment", linenos=False))
    return html_lines(rendered.body), rendered.plain_because


def _not_to_be_kept(response: Response) -> None:
    """The next try may succeed."""
    response["Cache-Control"] = "private, no-store"
    del response["ETag"]
