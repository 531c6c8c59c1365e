# The service in one image: nginx, which talks over a unix socket to uWSGI, which runs Django. docs/deploy-docker.md
# explains it. The base is named literally, and nothing here needs BuildKit: Elastic Beanstalk reads and builds this file.

FROM debian:trixie-slim AS build
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates python3 python3-venv \
    && python3 -m venv /opt/venv
# Where pip finds packages: another index, or more options.
ARG PIP_INDEX_URL
COPY requirements.txt /build/
# Wheels alone: nothing is compiled, here or at run time. Of Amazon's services it needs S3, and those that give
# credentials for it.
RUN /opt/venv/bin/pip install --no-cache-dir --require-hashes --only-binary :all: --requirement /build/requirements.txt \
    && /opt/venv/bin/pip uninstall --yes --quiet pip \
    && find /opt/venv -depth -type d -name tests -exec rm -r {} + \
    && find /opt/venv -path '*/locale/*' -name '*.[pm]o' -delete \
    && find /opt/venv/lib/python3*/site-packages/botocore/data -mindepth 1 -maxdepth 1 -type d \
        ! -name s3 ! -name sts ! -name 'sso*' -exec rm -r {} +
COPY . /app
WORKDIR /app
# The static files, with hashed names, and each of them compressed. The key signs nothing that stays.
RUN SECRET_KEY=build DATA_DIR=/tmp STATIC_ROOT=/srv/static /opt/venv/bin/python manage.py collectstatic --no-input --ignore redoc \
    && find /srv/static -type f -regex '.*\.\(css\|js\|json\|map\|svg\|txt\)' -exec gzip -9 --no-name --keep {} + \
    && /opt/venv/bin/python -m compileall -q /app

FROM debian:trixie-slim
# A tmpfs that is mounted on /run takes its mode from here.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates nginx python3 tini \
    && rm -rf /var/lib/apt/lists/* /var/cache/* /var/log/* /usr/share/doc /usr/share/man /etc/nginx /var/www \
    && useradd --uid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin snippets \
    && install --directory --owner snippets --group snippets /var/lib/snippets \
    && chmod 1777 /run
COPY --from=build /opt/venv /opt/venv
COPY --from=build /srv/static /srv/static
COPY --from=build /app /app
# At the end, so that another version does not build all that is above anew.
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Snippets" \
      org.opencontainers.image.description="A self-hosted code-snippet service with an API first" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    DATA_DIR=/var/lib/snippets \
    STATIC_ROOT=/srv/static \
    RUN_DIR=/run/snippets \
    PORT=8080
WORKDIR /app
USER 10001:10001
# Where SQLite and uploads are kept, unless PostgreSQL and S3 keep them.
VOLUME /var/lib/snippets
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f'http://127.0.0.1:{os.environ[\"PORT\"]}/health/live/', timeout=4)"]
# Named with its shell, since an archive may have lost its run bit.
ENTRYPOINT ["tini", "--", "bash", "/app/config/entrypoint.sh"]
CMD ["serve"]
