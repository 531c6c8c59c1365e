"""Uploads in a bucket of S3, or of what speaks its protocol."""

import math
import threading
from typing import Any

from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError as S3ConnectionError,
    CredentialRetrievalError,
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
)
from django.conf import settings
from django.core.files.base import ContentFile
from django.utils.http import content_disposition_header
from storages.backends import s3

from uploads.errors import UploadsUnavailableError, translating
from uploads.keys import PROBES, is_random, random_key

MIB = 1024 * 1024
CREDENTIALS = "the credentials are wrong, or have expired"
PERMISSION = "no permission (403): compare the policy in docs/uploads.md"
BUCKET = "there is no such bucket: S3_BUCKET, S3_REGION"
REASONS = {
    "NoSuchBucket": BUCKET,
    "PermanentRedirect": BUCKET,
    "AuthorizationHeaderMalformed": BUCKET,  # a bucket of another region
    "InvalidAccessKeyId": CREDENTIALS,
    "SignatureDoesNotMatch": CREDENTIALS,
    "InvalidToken": CREDENTIALS,
    "ExpiredToken": CREDENTIALS,
    "AccessDenied": PERMISSION,
    "403": PERMISSION,  # an answer without a body, which names no code
}


def _reason(error: Exception) -> str:
    """In words for the operator, without what may be a secret."""
    if isinstance(error, ClientError):
        code = str(error.response.get("Error", {}).get("Code", "unknown"))
        return REASONS.get(code, f"S3 answers {code}")
    if isinstance(error, NoCredentialsError | PartialCredentialsError | CredentialRetrievalError):
        return "there are no credentials: no role of the machine, and no AWS_ACCESS_KEY_ID"
    if isinstance(error, S3ConnectionError | HTTPClientError):  # and its kinds: no connection, no answer in time
        return f"S3 cannot be reached ({type(error).__name__})"
    return f"S3 failed ({type(error).__name__})"


def _translated(error: Exception) -> Exception:
    """As our own error, or as Python's where a file is not there."""
    if isinstance(error, ClientError) and error.response.get("Error", {}).get("Code") in ("404", "NoSuchKey"):
        return FileNotFoundError("There is no such file in the bucket.")
    return UploadsUnavailableError(_reason(error))


_translating = translating((Boto3Error, BotoCoreError, ClientError), _translated)


def client_config(timeout: float, endpoint_url: str | None) -> Config:
    return Config(
        signature_version="s3v4",
        # What is not Amazon's rarely has a name in the DNS for each bucket.
        s3={"addressing_style": "path" if endpoint_url else "virtual"},
        # boto3's own would keep a request for minutes, which is killed long before.
        connect_timeout=min(timeout, 2),
        read_timeout=timeout,
        retries={"total_max_attempts": 2, "mode": "standard"},
        # Others than Amazon do not know the checksums that boto3 adds otherwise.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )


class S3Storage(s3.S3Storage):
    """django-storages' own, with deadlines, and with one error for all that may fail.

    `public_url` is where visitors reach what this process reaches at `endpoint_url`, where that is not the same.
    """

    def __init__(self, *, timeout: float = 5, public_url: str | None = None, **options: Any) -> None:
        self._connecting, self._connection = threading.Lock(), None
        # Signs addresses alone. The host is a part of what is signed, so that it cannot be exchanged afterwards.
        self._outside = S3Storage(**options | {"endpoint_url": public_url}) if public_url else self
        super().__init__(
            **{
                "file_overwrite": False,
                "default_acl": None,  # who may read is for the bucket's policy to say
                "querystring_auth": True,
                "object_parameters": {"CacheControl": "private, no-store", "ContentDisposition": "attachment"},
                "max_memory_size": 5 * MIB,  # what is read goes to disk beyond that
                # One part in memory at a time: each thread would hold one.
                "transfer_config": TransferConfig(
                    use_threads=False, multipart_threshold=8 * MIB, multipart_chunksize=5 * MIB
                ),
                "client_config": client_config(timeout, options.get("endpoint_url")),
            }
            | options
        )

    @property
    def connection(self) -> Any:
        """One for all threads of the process: boto3's clients may be shared, and each takes 20 MiB of memory."""
        with self._connecting:
            if self._connection is None:
                self._connection = super().connection
            return self._connection

    _open = _translating(s3.S3Storage._open)
    _save = _translating(s3.S3Storage._save)
    delete = _translating(s3.S3Storage.delete)
    exists = _translating(s3.S3Storage.exists)
    size = _translating(s3.S3Storage.size)
    listdir = _translating(s3.S3Storage.listdir)
    get_modified_time = _translating(s3.S3Storage.get_modified_time)
    url = _translating(s3.S3Storage.url)

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        """A random name is free. Asking S3 would cost a call, and a refusal of that question does not say why."""
        available: str = name if is_random(name) else super().get_available_name(name, max_length)
        return available

    def probe(self) -> None:
        self.delete(self.save(random_key(PROBES), ContentFile(b"ok")))

    def download_url(
        self, name: str, *, filename: str, media_type: str, inline: bool, method: str, seconds_left: float = math.inf
    ) -> str | None:
        """Where the bucket itself gives out the file, for a short time, under this name and as this type."""
        seconds = int(min(settings.DOWNLOAD_URL_SECONDS, seconds_left))
        if seconds < 1:
            return None
        parameters = {
            "ResponseContentDisposition": content_disposition_header(not inline, filename) or "inline",
            "ResponseContentType": media_type,
        }
        url: str = self._outside.url(name, parameters=parameters, expire=seconds, http_method=method)
        return url
