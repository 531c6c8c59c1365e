"""Whether the process lives, and whether it can work. Answered before anything else: a load balancer calls by address,
so that the Host it sends is none of ours, and over plain HTTP."""

import logging
import socket
from collections.abc import Callable

from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.cache import cache
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from redis.exceptions import RedisError

from uploads.errors import UploadsUnavailableError
from uploads.storage import upload_storage

logger = logging.getLogger(__name__)

REMEMBER_FAILURE = 30  # seconds


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
    """A failure is remembered for a while: it may take longer to come about than a load balancer waits."""
    key = f"uploads-failed:{socket.gethostname()}"
    failed = cache.get(key)
    if failed is None:
        try:
            upload_storage().probe()
        except UploadsUnavailableError as error:
            failed = str(error)
            cache.set(key, failed, REMEMBER_FAILURE)
    if failed:
        raise UnreadyError(failed)


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


# What the service can do without: snippets can be read while uploads fail.
DISPENSABLE = {"storage"}


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
        failed = {name for name, result in results.items() if result != "ok"}
        status = "unavailable" if failed - DISPENSABLE else "degraded" if failed else "ok"
        body = {"status": status} | ({"checks": results} if results else {})
        code = 503 if status == "unavailable" else 200
        return JsonResponse(body, status=code, headers={"Cache-Control": "no-store"})
