"""Whether the process lives, and whether it can work. Answered before anything else: a load balancer calls by address,
so that the Host it sends is none of ours, and over plain HTTP."""

import logging
from collections.abc import Callable

from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.cache import cache
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
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
    try:
        default_storage.delete(default_storage.save("health", ContentFile(b"ok")))
    except OSError as error:
        raise UnreadyError("the storage of uploads cannot be written to") from error


def check_static() -> None:
    try:
        staticfiles_storage.url("snippets/highlight.css")
    except ValueError as error:
        raise UnreadyError("static files are missing: run manage.py collectstatic") from error


CHECKS: dict[str, Callable[[], None]] = {
    "database": check_database,
    "migrations": check_migrations,
    "cache": check_cache,
    "storage": check_storage,
    "static": check_static,
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
