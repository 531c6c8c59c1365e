"""What goes wrong with uploads and is nobody's mistake who uploads."""

from collections.abc import Callable
from functools import wraps
from typing import Any

Method = Callable[..., Any]


class UploadsUnavailableError(OSError):
    """The storage of uploads, or something else that they need, does not work now. Says what, for the operator."""


def translating(
    kinds: tuple[type[Exception], ...], translated: Callable[[Any], Exception | None]
) -> Callable[[Method], Method]:
    """Makes a method raise what `translated` makes of these kinds of errors. Where that is None, and where the error is
    our own already, it passes as it is."""

    def decorate(method: Method) -> Method:
        @wraps(method)
        def call(*args: Any, **kwargs: Any) -> Any:
            try:
                return method(*args, **kwargs)
            except UploadsUnavailableError:
                raise
            except kinds as error:
                translation = translated(error)
                if translation is None:
                    raise
                raise translation from error

        return call

    return decorate
