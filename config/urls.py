"""All addresses."""

from django.conf import settings
from django.contrib import admin
from django.contrib.staticfiles.urls import staticfiles_urlpatterns
from django.urls import include, path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from api.errors import bad_request, not_found, permission_denied, server_error
from config.views import Root

handler400 = bad_request
handler403 = permission_denied
handler404 = not_found
handler500 = server_error

admin.site.final_catch_all_view = False  # it would keep addresses without their last slash from OptionalSlash

urlpatterns = [
    path("", Root.as_view(), name="root"),
    path("", include("snippets.urls")),
    path("", include("accounts.urls")),
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path("docs/", SpectacularSwaggerView.as_view(url_name="schema", http_method_names=["get", "head"]), name="docs"),
    path("admin/", admin.site.urls),
]

if settings.DEBUG:  # elsewhere nginx serves what collectstatic has gathered
    urlpatterns += staticfiles_urlpatterns()

# Last, so that an unknown address is answered in JSON whether or not DEBUG is on.
urlpatterns.append(re_path("", not_found))
