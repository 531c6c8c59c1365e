"""The yardstick `django`: a bare view, without middleware."""

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path

from benchmarks.bare import answers

settings.configure(
    SECRET_KEY="of no use but for a benchmark",  # noqa: S106
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    MIDDLEWARE=[],
    USE_I18N=False,
)

ANSWERS = answers.read()


def view(request: HttpRequest) -> HttpResponse:
    headers, body = ANSWERS[request.path]
    return HttpResponse(body, headers=dict(headers))


urlpatterns = [path(address.lstrip("/"), view) for address in ANSWERS]
application = get_wsgi_application()
