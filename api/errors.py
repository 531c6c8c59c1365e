"""Every error in one shape: JSON as Django REST framework writes it."""

import logging
import sys
from typing import Any

from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.db import DataError, InterfaceError, OperationalError
from django.http import HttpRequest, JsonResponse, UnreadablePostError
from django.views.decorators.csrf import csrf_exempt
from rest_framework.exceptions import ParseError
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response
from rest_framework.views import exception_handler as rest_framework_handler

from api.exceptions import PayloadTooLarge, ServiceUnavailable
from uploads.errors import UploadsUnavailableError

logger = logging.getLogger(__name__)


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """Answers what Django raises below the views (limits of the request, the database) like the API's own errors."""
    if isinstance(error, RequestDataTooBig):
        error = PayloadTooLarge()
    elif isinstance(error, UnreadablePostError):
        error = ParseError("The request was cut off.")
    elif isinstance(error, SuspiciousOperation):  # too many fields, a broken multipart header
        error = ParseError("The request's body cannot be read.")
    elif isinstance(error, DataError):
        error = ParseError("The database cannot store this value.")
    elif failure := database_failure(error):
        logger.error("The database failed", exc_info=failure)
        error = ServiceUnavailable()
        # The page to browse would ask the database who is there, and wait for it once more.
        request = context["request"]
        request.accepted_renderer, request.accepted_media_type = JSONRenderer(), JSONRenderer.media_type
    elif isinstance(error, UploadsUnavailableError):
        logger.error("Uploads failed: %s", error)
        error = ServiceUnavailable("Uploads do not work at the moment. Try again.")
    return rest_framework_handler(error, context)


def database_failure(error: BaseException | None) -> BaseException | None:
    """The failure of the database that the error is, or came of; None where it is about something else."""
    while error is not None and not isinstance(error, OperationalError | InterfaceError):
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return error


def service_unavailable() -> JsonResponse:
    """The same answer for what is not REST framework's. Django has logged the failure."""
    detail = {"detail": ServiceUnavailable.default_detail}
    return JsonResponse(detail, status=503, headers={"Retry-After": str(ServiceUnavailable.wait)})


def bad_request(request: HttpRequest, exception: Exception) -> JsonResponse:
    if database_failure(exception):  # Django takes a session that cannot be stored for one that is gone
        return service_unavailable()
    return JsonResponse({"detail": "The request cannot be understood."}, status=400)


def permission_denied(request: HttpRequest, exception: Exception) -> JsonResponse:
    return JsonResponse({"detail": "You do not have permission to perform this action."}, status=403)


@csrf_exempt
def not_found(request: HttpRequest, exception: Exception | None = None) -> JsonResponse:
    return JsonResponse({"detail": "Not found."}, status=404)


def server_error(request: HttpRequest) -> JsonResponse:
    if database_failure(sys.exception()):  # in Django's own views, in the admin, or in a middleware
        return service_unavailable()
    return JsonResponse({"detail": "The server failed. The error has been logged."}, status=500)
