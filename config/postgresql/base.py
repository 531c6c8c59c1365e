"""Django's backend of PostgreSQL, which does not ask before each request whether its connection is still there."""

import select
import time

from django.db.backends.postgresql import base

CERTAIN = 1  # seconds after it has been asked


class DatabaseWrapper(base.DatabaseWrapper):
    """A server that ends a connection says so on it: where nothing has come, it has not ended.

    It cannot say that its machine is gone, so it is asked again after a while, and always after an error.
    """

    _asked = 0.0

    def is_usable(self) -> bool:
        now = time.monotonic()
        if now - self._asked < CERTAIN and not self.errors_occurred and self._is_silent():
            return True
        is_usable: bool = super().is_usable()
        if is_usable:
            self._asked = now
        return is_usable

    def _is_silent(self) -> bool:
        if self.connection is None or self.connection.closed:
            return False
        poll = select.poll()
        poll.register(self.connection.fileno(), select.POLLIN)
        return not poll.poll(0)
