"""Whether policies of IAM allow a call: as much of Amazon's rules as the policies in deploy/ use."""

import re
from typing import Any


def matches(pattern: str, text: str) -> bool:
    """Of IAM's two wild cards, `*` goes over slashes too."""
    parts = (".*" if sign == "*" else "." if sign == "?" else re.escape(sign) for sign in pattern)
    return re.fullmatch("".join(parts), text, re.DOTALL) is not None


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _holds(condition: dict[str, dict[str, Any]], context: dict[str, str]) -> bool:
    """A key that the call has not makes the condition fail."""
    for operator, keys in condition.items():
        assert operator in ("StringLike", "StringEquals", "Bool"), operator
        for key, patterns in keys.items():
            if not any(matches(pattern, context.get(key, "\0")) for pattern in listed(patterns)):
                return False
    return True


def allowed(documents: list[dict[str, Any]], action: str, resource: str, **context: str) -> bool:
    """Something allows it, and nothing denies it. The keys of the context have `__` for their colon."""
    values = {key.replace("__", ":"): value for key, value in context.items()}
    effects = {
        statement["Effect"]
        for document in documents
        for statement in listed(document["Statement"])
        if any(matches(pattern, action) for pattern in listed(statement["Action"]))
        and any(matches(pattern, resource) for pattern in listed(statement["Resource"]))
        and _holds(statement.get("Condition", {}), values)
    }
    return effects == {"Allow"}
