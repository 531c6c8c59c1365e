#!/usr/bin/env bash
# On the leader of a deployment alone: migrates, and makes the first admin if there is none, with the image that has just
# been built. It serves only after this, so a migration that fails ends the deployment while the old version goes on.
set -euo pipefail
cd "$(dirname "$0")/../../.."

marker=.leader
image=aws_beanstalk/staging-app
patience=1500  # seconds

if [[ ! -e $marker ]]; then
  echo "This instance is not the leader of a deployment: it migrates nothing."
  exit 0
fi
trap 'rm -f "$marker"' EXIT

if [[ -z ${DATABASE_URL:-}${DATABASE_URL_FILE:-}${RDS_HOSTNAME:-} ]]; then
  echo "ERROR: neither DATABASE_URL nor RDS_HOSTNAME is set: the data would be lost with the container." >&2
  exit 1
fi
if ! docker image inspect "$image" >/dev/null; then
  echo "ERROR: there is no image $image to migrate with. These are there:" >&2
  docker images >&2
  exit 1
fi

# The platform gives its environment's properties and secrets to this script, and these of its own beside them.
environment=()
while read -r name; do
  case $name in
    HOME | PATH | PORT | PWD | OLDPWD | SHLVL | _) ;;
    *) environment+=(--env "$name") ;;
  esac
done < <(compgen -e)

echo "This instance is the leader: migrating with $image."
status=0
timeout --kill-after=30 "$patience" docker run --rm "${environment[@]}" "$image" migrate || status=$?
if ((status)); then
  echo "ERROR: the migration has failed with status $status: the deployment ends here, and the version before it goes on." >&2
  exit "$status"
fi
echo "Migrated."
