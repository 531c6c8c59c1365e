#!/usr/bin/env bash
# Runs the task of migrate.yaml once, and waits for it: status 0 where the database is up to date.
#
#   deploy/migrate.sh BASE_STACK MIGRATE_STACK [COMMAND [ARGUMENT...]]
#
# Without a command it is `migrate`; else whatever manage.py knows, such as `purge_orphan_files --dry-run`.
set -euo pipefail

[[ $# -ge 2 ]] || { sed -n '2,/^$/s/^# \{0,1\}//p' "$0" >&2; exit 2; }
base=$1 migrate=$2
shift 2

declare -A outputs
read_outputs() {  # read_outputs STACK
  local found key value
  found=$(aws cloudformation describe-stacks --stack-name "$1" --output text \
    --query 'Stacks[0].Outputs[].[OutputKey, OutputValue]')
  while IFS=$'\t' read -r key value; do outputs[$key]=$value; done <<<"$found"
}
read_outputs "$base"
read_outputs "$migrate"
cluster=${outputs[Cluster]} logs=${outputs[Logs]}
network="subnets=[${outputs[PrivateSubnets]}],securityGroups=[${outputs[ServiceGroup]}],assignPublicIp=DISABLED"

overrides='{}'
if [[ $# -gt 0 ]]; then
  words=''
  for word; do
    [[ $word != *[\"\\]* ]] || { echo "Quotes and backslashes cannot be handed on: $word" >&2; exit 2; }
    words+=${words:+,}\"$word\"
  done
  overrides="{\"containerOverrides\": [{\"name\": \"migrate\", \"command\": [$words]}]}"
fi

# Where it cannot even be tried, the answer has no task and says why.
started=$(aws ecs run-task --cluster "$cluster" --task-definition "${outputs[Task]}" --launch-type FARGATE \
  --network-configuration "awsvpcConfiguration={$network}" \
  --overrides "$overrides" --query '[tasks[0].taskArn, failures[0].reason]' --output text)
read -r task reason <<<"$started"
[[ $task != None ]] || { echo "The task has not been started: $reason" >&2; exit 1; }
echo "Running $task"

# Each time for ten minutes; a long migration takes more.
for _ in {1..12}; do
  if aws ecs wait tasks-stopped --cluster "$cluster" --tasks "$task"; then break; fi
done
ended=$(aws ecs describe-tasks --cluster "$cluster" --tasks "$task" --output text \
  --query 'tasks[0].[lastStatus, containers[0].exitCode, stoppedReason]')
read -r state status reason <<<"$ended"

aws logs get-log-events --log-group-name "$logs" --log-stream-name "migrate/migrate/${task##*/}" --start-from-head \
  --query 'events[].[message]' --output text || echo 'There is no log of it.'
# Without a status the container was never started: the image, a secret, the network.
if [[ $state != STOPPED || $status != 0 ]]; then
  echo "Failed: $state, exit status $status, $reason" >&2
  exit 1
fi
echo 'Done.'
