#!/usr/bin/env bash
# What a container does: `serve` (nginx and uWSGI), `migrate` (which makes the first admin too), or any other command of
# manage.py.
set -euo pipefail
cd "$(dirname "$0")/.."

case ${1:-serve} in
  serve) ;;
  migrate)
    python manage.py "$@"
    exec python manage.py ensure_admin
    ;;
  *) exec python manage.py "$@" ;;
esac

# One log, of JSON lines. The buffering is by lines, so that none is late.
exec > >(LC_ALL=C exec stdbuf -oL sed -E -f config/log_lines.sed) 2>&1
log=$!

uwsgi='' nginx=''

end() {  # end SIGNAL PID: sends it until the process has ended, for 40 seconds; then that one is killed
  [[ -n $2 ]] || return 0
  # Again and again, since a process that is just starting may miss it.
  for _ in {1..40}; do
    kill "-$1" "$2" 2>/dev/null || return 0
    timeout --signal=KILL 1 tail --pid="$2" --sleep-interval=0.1 --follow /dev/null || true
  done
  kill -KILL "$2" 2>/dev/null || true
}

leave() {  # leave STATUS
  trap '' TERM INT QUIT HUP
  # First the door, then the house: nginx takes nothing new, and finishes what it has begun.
  end QUIT "$nginx"
  end TERM "$uwsgi"
  # The log ends when nobody can write to it any more; the orphans of a killed master could for ever.
  exec >/dev/null 2>&1
  timeout --signal=KILL 2 tail --pid="$log" --sleep-interval=0.1 --follow /dev/null || true
  exit "$1"
}

# shellcheck disable=SC2329 # the trap calls it
stop() {
  # A balancer may go on sending for a while.
  sleep "${DRAIN_SECONDS:-0}" || true
  leave 0
}
trap stop TERM INT QUIT HUP

folder=${RUN_DIR:-/run/snippets}
if ! mkdir -p "$folder" || ! rm -f "$folder/ready"; then
  echo "Configuration: RUN_DIR: cannot write to the folder $folder."
  leave 1
fi

python manage.py serve_behind_nginx "$folder" &
uwsgi=$!
# nginx opens the door when there is somebody behind it.
until [[ -e $folder/ready ]]; do
  kill -0 "$uwsgi" 2>/dev/null || leave 1
  sleep 0.1
done
nginx -p "$folder" -c "$folder/nginx/nginx.conf" &
nginx=$!
# What uploads lack is said in the log, and keeps nobody waiting.
python manage.py check --deploy --tag uploads &

# Each renews its own workers. If one of the two ends itself, so does the container, and whoever runs it starts another.
wait -n "$uwsgi" "$nginx" || true
echo 'nginx or uWSGI has ended: leaving.'
leave 1
