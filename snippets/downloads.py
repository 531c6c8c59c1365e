"""The names under which a snippet's code is downloaded."""

import re

from snippets.languages import language_of
from snippets.models import Snippet

EXTENSION = re.compile(r"\*(\.\w+)")


def filename_of(snippet: Snippet) -> str:
    """Its own name, else one made of its address and its language's usual ending."""
    endings = filter(None, map(EXTENSION.fullmatch, language_of(snippet.language).filenames))
    ending = next((match[1] for match in endings), ".txt")
    return snippet.filename or f"snippet-{snippet.ref}{ending}"
