#!/usr/bin/env bash
# What config/entrypoint.sh does, for another WSGI module: nginx, uWSGI, and one log of both. Without a MODULE, nginx alone.
set -euo pipefail
cd "$(dirname "$0")/.."

exec > >(LC_ALL=C exec stdbuf -oL sed -E -f config/log_lines.sed) 2>&1

trap 'kill -QUIT "${nginx:-}" "${uwsgi:-}" 2>/dev/null; exit 0' TERM INT

if [[ -n $MODULE ]]; then
  uwsgi --ini benchmarks/yardstick.ini --chdir "$MODULE_FOLDER" --socket "$RUN_DIR/uwsgi.sock" --module "$MODULE" &
  uwsgi=$!
  until [[ -S $RUN_DIR/uwsgi.sock ]]; do
    kill -0 "$uwsgi"
    sleep 0.1
  done
fi
nginx -p "$RUN_DIR" -c "$RUN_DIR/nginx/nginx.conf" &
nginx=$!
wait -n
