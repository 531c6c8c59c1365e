"""The settings, all from the environment. docs/configuration.md explains each variable."""

import os
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from pythonjsonlogger.core import RESERVED_ATTRS

from config import databases
from config.environment import Environment
from uploads.contents import KNOWN_TYPES

BASE_DIR = Path(__file__).resolve().parent.parent
env = Environment(os.environ.get("ENV_FILE"), BASE_DIR / ".env")
MIB = 1024 * 1024

# --- What this process is ---------------------------------------------------------------------------------------------

DEBUG = env.flag("DEBUG", False)
SECRET_KEY = env.text("SECRET_KEY", "only-for-development-" * 3 if DEBUG else "")
if not SECRET_KEY:
    raise ImproperlyConfigured(
        "SECRET_KEY is not set. Set it (or SECRET_KEY_FILE) to 50 random characters that stay the same; "
        "for development set DEBUG=true instead."
    )

ALLOWED_HOSTS = env.hosts("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = env.origins("CSRF_TRUSTED_ORIGINS")
DATA_DIR = BASE_DIR / env.text("DATA_DIR", "var")  # a relative one is in the project, wherever the process starts
# What uWSGI and nginx are told: here it is checked, and has its defaults.
PORT = env.integer("PORT", 8080, minimum=1, maximum=65535)
UWSGI_PROCESSES = env.integer("UWSGI_PROCESSES", 2, minimum=1, maximum=256)
UWSGI_THREADS = env.integer("UWSGI_THREADS", 4, minimum=1, maximum=256)
UWSGI_STATS = env.text("UWSGI_STATS")
DRAIN_SECONDS = env.number("DRAIN_SECONDS", 0, minimum=0, maximum=300)  # read by config/entrypoint.sh itself
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
APPEND_SLASH = False  # api.middleware.OptionalSlash serves both spellings without a redirect

# --- What it offers ---------------------------------------------------------------------------------------------------

ANONYMOUS_POSTING = env.flag("ANONYMOUS_POSTING", DEBUG)
SIGN_UP = env.flag("SIGN_UP", DEBUG)
CODE_MAX_BYTES = env.integer("CODE_MAX_BYTES", 512 * 1024, minimum=1024, maximum=10 * 1024 * 1024)
HIGHLIGHT_TIMEOUT = env.number("HIGHLIGHT_TIMEOUT", 1.0, minimum=0.1, maximum=10)  # seconds
HIGHLIGHT_PROCESSES = env.integer("HIGHLIGHT_PROCESSES", 2, minimum=1, maximum=16)  # for each server process
# JSON may spell one byte of code with six: \u00xx. The rest is room for the other fields.
DATA_UPLOAD_MAX_MEMORY_SIZE = CODE_MAX_BYTES * 6 + 64 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 200

UPLOAD_MAX_BYTES = env.integer("UPLOAD_MAX_BYTES", 25 * MIB, minimum=1024, maximum=1024 * MIB)
# Not less than one file may have, which would never find room.
SNIPPET_UPLOADS_MAX_BYTES = env.integer(
    "SNIPPET_UPLOADS_MAX_BYTES", 100 * MIB, minimum=UPLOAD_MAX_BYTES, maximum=10 * 1024 * MIB
)
SNIPPET_UPLOADS_MAX_COUNT = env.integer("SNIPPET_UPLOADS_MAX_COUNT", 20, minimum=0, maximum=100)
USER_UPLOADS_MAX_BYTES = env.integer("USER_UPLOADS_MAX_BYTES", 1024 * MIB, minimum=UPLOAD_MAX_BYTES, maximum=2**50)
UPLOAD_TYPES = env.media_types("UPLOAD_TYPES", "*/*", KNOWN_TYPES)
IMAGE_MAX_PIXELS = env.integer("IMAGE_MAX_PIXELS", 20_000_000, minimum=10_000, maximum=100_000_000)
DATA_UPLOAD_MAX_NUMBER_FILES = 100
FILE_UPLOAD_HANDLERS = [
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "api.upload_parser.TemporaryFileHandler",
]

INSTALLED_APPS = [
    "config",
    "accounts",
    "snippets",
    "uploads",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "corsheaders",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "rest_framework",
]

MIDDLEWARE = [
    "api.middleware.WholeBody",
    "config.proxies.TrustedProxies",
    "api.request_id.RequestId",
    "config.health.HealthMiddleware",  # before the check of Host: a load balancer calls by address
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "api.middleware.PrivateByDefault",
    "api.middleware.RequestFraming",
    "corsheaders.middleware.CorsMiddleware",
    "api.middleware.OptionalSlash",
    "api.middleware.SessionCookie",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "api.middleware.LazyMessages",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# --- Where it keeps things --------------------------------------------------------------------------------------------

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"


def _make_folder(variable: str, folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ImproperlyConfigured(f"{variable}: cannot make the folder {folder}: {error.strerror}.") from error


DATABASE_STATEMENT_TIMEOUT = env.integer("DATABASE_STATEMENT_TIMEOUT", 15, minimum=0, maximum=25)  # seconds


def _database() -> dict[str, Any]:
    database = databases.choose(
        env.database("DATABASE_URL"),
        databases.sqlite(DATA_DIR / "db.sqlite3"),
        port=env.integer("RDS_PORT", 5432, minimum=1, maximum=65535),
        RDS_HOSTNAME=env.host("RDS_HOSTNAME"),
        RDS_DB_NAME=env.text("RDS_DB_NAME"),
        RDS_USERNAME=env.text("RDS_USERNAME"),
        RDS_PASSWORD=env.text("RDS_PASSWORD"),
    )
    for_postgresql = {
        "password": env.text("DATABASE_PASSWORD"),
        "sslmode": env.choice("DATABASE_SSLMODE", "", databases.SSLMODES),
        "sslrootcert": env.certificates("DATABASE_SSLROOTCERT", BASE_DIR),
    }
    lock_timeout = env.integer("DATABASE_LOCK_TIMEOUT", 5, minimum=0, maximum=25)  # seconds
    if database["ENGINE"].endswith("sqlite3"):
        databases.refuse_on_sqlite(**for_postgresql)
        _make_folder("DATABASE_URL" if env.text("DATABASE_URL") else "DATA_DIR", Path(database["NAME"]).parent)
        database["OPTIONS"] = databases.SQLITE_OPTIONS
    else:
        database |= databases.postgresql(
            database, **for_postgresql, statement_timeout=DATABASE_STATEMENT_TIMEOUT, lock_timeout=lock_timeout
        )
    return database | {
        "CONN_MAX_AGE": env.integer("DATABASE_CONN_MAX_AGE", 600, minimum=0, maximum=86400),
        "CONN_HEALTH_CHECKS": True,
    }


STORAGE = env.choice("STORAGE", "filesystem", ("filesystem", "s3", "dropbox"))
DOWNLOAD_URL_SECONDS = env.integer("DOWNLOAD_URL_SECONDS", 60, minimum=5, maximum=3600)
# Whether the web server in front sends local uploads itself, as `location /media/ { internal; }` lets it. What starts
# nginx sets it on every storage, but the others send their files themselves.
X_ACCEL_REDIRECT = env.flag("X_ACCEL_REDIRECT", False) and STORAGE == "filesystem"


def _upload_storage() -> dict[str, Any]:
    """The storage of uploads, by name: what the others need is not loaded."""
    timeout = env.number("STORAGE_TIMEOUT", 5, minimum=1, maximum=25)  # seconds
    prefix, endpoint = env.folder("S3_PREFIX", "uploads"), env.origin("S3_ENDPOINT_URL")
    public_url = env.origin("S3_PUBLIC_URL")
    dropbox_folder = env.folder("DROPBOX_FOLDER", "snippets")
    if STORAGE == "s3":
        options = {
            "bucket_name": env.bucket("S3_BUCKET", "STORAGE=s3"),
            "region_name": env.text("S3_REGION") or None,
            "endpoint_url": endpoint or None,
            "public_url": public_url or None,
            "location": f"{prefix}/",
            "querystring_expire": DOWNLOAD_URL_SECONDS,
            "timeout": timeout,
        }
        return {"BACKEND": "uploads.s3_storage.S3Storage", "OPTIONS": options}
    if STORAGE == "dropbox":
        options = {
            "app_key": env.required("DROPBOX_APP_KEY", "STORAGE=dropbox"),
            "app_secret": env.required("DROPBOX_APP_SECRET", "STORAGE=dropbox"),
            "oauth2_refresh_token": env.required("DROPBOX_REFRESH_TOKEN", "STORAGE=dropbox"),
            "root_path": f"/{dropbox_folder}",
            "timeout": timeout,
        }
        return {"BACKEND": "uploads.dropbox_storage.DropboxStorage", "OPTIONS": options}
    return {"BACKEND": "uploads.local_storage.LocalStorage"}


DATABASES = {"default": _database()}
RESPONSE_CACHE = env.flag("RESPONSE_CACHE", True)
# The database as a cache is shared by processes and instances without another service.
CACHES = {"default": {"OPTIONS": {"MAX_ENTRIES": 10_000}} | env.cache("CACHE_URL", "dbcache://snippets_cache")}
# Static files stay on this machine, whatever becomes of the uploads.
STORAGES = {
    "default": _upload_storage(),
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"},
}
MEDIA_ROOT = str(BASE_DIR / env.text("MEDIA_ROOT", str(DATA_DIR / "media")))
MEDIA_URL = "/media/"
STATIC_ROOT = str(BASE_DIR / env.text("STATIC_ROOT", str(DATA_DIR / "static")))
STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]

# --- Who uses it ------------------------------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
# Whom `manage.py ensure_admin` makes.
ADMIN_USERNAME = env.text("ADMIN_USERNAME")
ADMIN_PASSWORD = env.text("ADMIN_PASSWORD")
ADMIN_EMAIL = env.text("ADMIN_EMAIL")
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "/auth/login/"
LOGIN_REDIRECT_URL = LOGOUT_REDIRECT_URL = "/"

REST_FRAMEWORK = {
    # The token first: a bad one must be 401, never a silent fall back to the session or to nobody.
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.authentication.TokenAuthentication",
        "accounts.authentication.SessionAuthentication",
    ],
    "DEFAULT_PARSER_CLASSES": ["api.parsers.JSONParser", "api.parsers.FormParser", "api.parsers.MultiPartParser"],
    "DEFAULT_RENDERER_CLASSES": [
        "rest_framework.renderers.JSONRenderer",
        "rest_framework.renderers.BrowsableAPIRenderer",
    ],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "api.negotiation.ForgivingNegotiation",
    "DEFAULT_SCHEMA_CLASS": "api.schema.AutoSchema",
    "EXCEPTION_HANDLER": "api.errors.exception_handler",
    "NUM_PROXIES": 0,  # config.proxies.TrustedProxies has put the visitor's address where the connection's was
    "DEFAULT_THROTTLE_RATES": {
        "anonymous-posting": env.rate("ANONYMOUS_POSTING_RATE", "60/hour"),
        "login": env.rate("LOGIN_RATE", "10/minute"),
        "sign-up": env.rate("SIGN_UP_RATE", "10/hour"),
    },
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}

SPECTACULAR_SETTINGS = {
    "TITLE": "Snippets",
    "DESCRIPTION": "Code snippets: keep them, share them, read them highlighted.",
    "VERSION": "1.0.0",
    "LICENSE": {"name": "MIT"},
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,  # what is sent has no read-only fields
    "APPEND_COMPONENTS": {
        "schemas": {
            "Error": {
                "type": "object",
                "description": "`detail`, or messages for each field or query parameter that was wrong.",
                "additionalProperties": {},
            }
        }
    },
    "ENUM_NAME_OVERRIDES": {
        "VisibilityEnum": "snippets.models.Visibility",
        "ScopeEnum": "accounts.models.ApiToken.Scope",
    },
}

# --- How it is reached ------------------------------------------------------------------------------------------------

CORS_ALLOWED_ORIGINS = env.origins("CORS_ALLOWED_ORIGINS")
CORS_EXPOSE_HEADERS = ["Link", "ETag", "Location", "Retry-After", "X-Highlighted", "X-Diff", "X-Request-ID"]
CORS_ALLOW_HEADERS = [
    "accept",
    "authorization",
    "content-type",
    "if-match",
    "if-none-match",
    "x-edit-key",
]

SECURE_COOKIES = env.flag("SECURE_COOKIES", not DEBUG)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_COOKIES
SECURE_SSL_REDIRECT = env.flag("SECURE_SSL_REDIRECT", not DEBUG)
SECURE_HSTS_SECONDS = env.integer("SECURE_HSTS_SECONDS", 0 if DEBUG else 3600, minimum=0, maximum=63_072_000)
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = env.flag("SECURE_HSTS_INCLUDE_SUBDOMAINS", False)
# Whether every subdomain of the operator's domain must be HTTPS is the operator's decision, not a default of ours.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
TRUSTED_PROXIES = env.networks("TRUSTED_PROXIES")

# --- How it speaks ----------------------------------------------------------------------------------------------------

LANGUAGE_CODE = "en-us"
USE_I18N = False
TIME_ZONE = "UTC"
USE_TZ = True

LOG_LEVEL = env.choice("LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR"))
LOG_FORMAT = env.choice("LOG_FORMAT", "line" if DEBUG else "json", ("line", "json"))
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"request_id": {"()": "api.request_id.RequestIdFilter"}},
    "formatters": {
        "line": {"format": "{asctime} {levelname} {name} {message}", "style": "{"},
        "json": {
            "()": "pythonjsonlogger.json.JsonFormatter",
            "format": "{asctime}{levelname}{name}{request_id}{message}",
            "style": "{",
            "datefmt": "%Y-%m-%dT%H:%M:%S%z",
            "rename_fields": {"asctime": "time", "levelname": "level", "name": "logger", "exc_info": "traceback"},
            # What else Django hangs on a record is for handlers: the request, the whole address with its query.
            "reserved_attrs": [*RESERVED_ATTRS, "request", "server_time", "status_code"],
        },
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": LOG_FORMAT, "filters": ["request_id"]}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    # Django's own handlers are silent without DEBUG, or send mail: the root's handler speaks for all.
    "loggers": {"django": {"handlers": [], "propagate": True, "level": "INFO"}},
}
