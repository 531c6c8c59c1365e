"""Django's backend of PostgreSQL, which does not ask before each request whether its connection is still there."""

import select
import time

from django.db.backends.postgresql import base

CERTAIN = 1  # seconds after an answer


class DatabaseWrapper(base.DatabaseWrapper):
    """A server that ends a connection says so on it: where nothing has come, it has not ended.

    It cannot say that its machine is gone, so it is asked again where it has not answered for a while.
    """

    _answered = 0.0

    def is_usable(self) -> bool:
        now = time.monotonic()
        if now - self._answered < CERTAIN and self._is_silent():
            return True
        is_usable: bool = super().is_usable()
        if is_usable:
            self._answered = now
        return is_usable

    def _is_silent(self) -> bool:
        if self.connection is None or self.connection.closed:
            return False
        poll = select.poll()
        poll.register(self.connection.fileno(), select.POLLIN)
        return not poll.poll(0)
