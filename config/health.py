"""Whether the process lives, and whether it can work. Answered before anything else: a load balancer calls by address,
so that the Host it sends is none of ours, and over plain HTTP."""

import logging
import os
from collections.abc import Callable
from pathlib import Path

from django.conf import settings
from django.core.cache import cache
from django.core.files.storage import FileSystemStorage, default_storage
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)


class UnreadyError(Exception):
    """What is missing, in words for the operator."""


def check_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def check_migrations() -> None:
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        raise UnreadyError("migrations are missing: run manage.py migrate")


def check_cache() -> None:
    cache.set("health", "ok", 60)
    if cache.get("health") != "ok":
        raise UnreadyError("the cache does not keep what it is given")


def check_storage() -> None:
    if isinstance(default_storage._wrapped, FileSystemStorage):  # type: ignore[attr-defined]
        folder = Path(settings.MEDIA_ROOT)
        existing = next(path for path in (folder, *folder.parents) if path.exists())
        if not os.access(existing, os.W_OK):
            raise UnreadyError("the folder for uploads cannot be written to")


CHECKS: dict[str, Callable[[], None]] = {
    "database": check_database,
    "migrations": check_migrations,
    "cache": check_cache,
    "storage": check_storage,
}


def readiness() -> dict[str, str]:
    """`ok`, or what is wrong, for each part. Details go to the log: the address is open to everybody."""
    results = {}
    for name, check in CHECKS.items():
        try:
            check()
            results[name] = "ok"
        except (Error, OSError, RedisError, UnreadyError) as error:
            logger.error("Not ready: %s: %s", name, error)
            results[name] = str(error) if isinstance(error, UnreadyError) else "failed"
    return results


class HealthMiddleware:
    """`/health/live/` needs nothing but this process; `/health/ready/` asks everything that it works with."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        path = request.path_info.rstrip("/")
        if path not in ("/health/live", "/health/ready"):
            return self.get_response(request)
        if request.method not in ("GET", "HEAD"):
            detail = {"detail": f'Method "{request.method}" not allowed.'}
            return JsonResponse(detail, status=405, headers={"Allow": "GET, HEAD"})
        results = readiness() if path.endswith("ready") else {}
        ok = all(result == "ok" for result in results.values())
        body = {"status": "ok" if ok else "unavailable"} | ({"checks": results} if results else {})
        return JsonResponse(body, status=200 if ok else 503, headers={"Cache-Control": "no-store"})
