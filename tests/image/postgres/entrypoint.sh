#!/bin/sh
set -eu
if [ "$(id -u)" = 0 ]; then
  install -m 644 "$POSTGRES_PASSWORD_FILE" /tmp/password
  chown postgres: "$PGDATA"
  exec setpriv --reuid=postgres --regid=postgres --init-groups "$0"
fi
if [ ! -e "$PGDATA/PG_VERSION" ]; then
  initdb --username="$POSTGRES_USER" --pwfile=/tmp/password --auth-local=trust --auth-host=scram-sha-256 >/dev/null
  echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
  pg_ctl --wait --options='-c listen_addresses=' start >/dev/null
  createdb --host=/var/run/postgresql --username="$POSTGRES_USER" "$POSTGRES_USER"
  pg_ctl --wait stop >/dev/null
fi
exec postgres -c listen_addresses='*'
