#!/usr/bin/env bash
# docker-compose.yml for real: start, kill the writer, switch over, start again in the wrong order, stop, remove.
# Needs docker with its compose plugin, or podman with podman-compose, and the public images.
# Usage: npm run test:compose
set -euo pipefail
cd "$(dirname "$0")/../.."
export COMPOSE_PROJECT_NAME=mmm-compose-test MMM_PORT=${MMM_PORT:-13316}

main() {
  choose_engine
  trap finish EXIT
  sh examples/compose/make-secrets.sh
  start
  for service in $daemons; do expect_no "$service warns of its configuration" 'configuration warning' "$service"; done
  test "$(writer)" = db-a || fail 'db-a is not the writer'

  step 'kill the writer'
  tell kill -s KILL db-a
  eventually 30 'db-b takes writes' writes_go_to db-b
  show_gap 8

  step 'start it again'
  tell start db-a
  eventually 60 'db-a is a standby, or diverged' is_settled

  if [[ $(status) == *'is diverged'* ]]; then
    # What the crash lost decides about that; the rest of the test needs a standby.
    compose down -v >"$log" 2>&1
    start
  fi

  step 'switch over'
  old=$(writer)
  engine exec "$(container mmm-identify)" mmm-control switchover || fail 'the switchover failed'
  test "$(writer)" != "$old" || fail "$old is still the writer"
  eventually 10 "$(writer) takes writes" writes_go_to "$(writer)"
  show_gap 2

  step 'everything killed, and started in the wrong order'
  for service in $services; do tell kill -s KILL "$service"; done
  for service in client mmm-sidecar mmm-agent mmm-identify mmm-monitor haproxy redis db-b db-a; do
    tell start "$service"
  done
  for service in $services; do eventually 90 "$service is healthy" is_healthy "$service"; done

  step 'stop'
  for service in $daemons client; do
    tell stop -t 8 "$service"
    test "$(engine inspect --format '{{.State.ExitCode}}' "$(container "$service")")" = 0 || fail "$service does not stop by itself"
  done
  echo 'passed'
}

daemons='mmm-monitor mmm-identify mmm-agent mmm-sidecar'
services="db-a db-b redis haproxy $daemons client"
images=$(sed -n 's/^ *image: //p' docker-compose.yml)
log=$(mktemp)

start() {
  step 'start'
  compose up -d --build >"$log" 2>&1 || fail 'the services do not start'
  for service in $services; do eventually 150 "$service is healthy" is_healthy "$service"; done
}

choose_engine() {
  if docker compose version >"$log" 2>&1 && docker info >"$log" 2>&1; then
    engine=docker compose='docker compose'
  elif command -v podman podman-compose >"$log" 2>&1; then
    engine=podman compose=podman-compose
  else
    skip 'neither docker with its compose plugin nor podman-compose is there'
  fi
  for image in $images $(sed -n 's/^FROM \([^ ]*\).*/docker.io\/library\/\1/p' Dockerfile); do
    engine image inspect "$image" >"$log" 2>&1 || engine pull "$image" >"$log" 2>&1 || skip "$image cannot be pulled"
  done
}

engine() { command "$engine" "$@" 2>>"$log"; }

# A verb with its options, and last the service.
tell() { engine "${@:1:$#-1}" "$(container "${@: -1}")" >>"$log"; }

compose() { $compose -p "$COMPOSE_PROJECT_NAME" "$@"; }

container() {
  engine ps -aq --filter "label=com.docker.compose.project=$COMPOSE_PROJECT_NAME" \
    --filter "label=com.docker.compose.service=$1"
}

is_healthy() {
  # podman runs healthchecks by systemd's timers, which may not be there.
  if test "$engine" = podman; then engine healthcheck run "$(container "$1")" >/dev/null; return; fi
  test "$(engine inspect --format '{{.State.Health.Status}}' "$(container "$1")")" = healthy
}

status() { engine exec "$(container mmm-identify)" mmm-status || true; }

writer() { status | sed -n 's/^ *active: \([^:]*\):3306(alive.*/\1/p'; }

writes_go_to() { [[ $(engine logs --tail 1 "$(container client)") == *"acknowledged by $1"* ]]; }

is_settled() { [[ $(status) =~ 'health: ok'|'db-a:3306 is diverged' ]]; }

# Over so many last seconds.
show_gap() {
  engine logs --tail "$1" "$(container client)" | sed -n 's/.*longest gap \([0-9]*\) ms.*/\1/p' | sort -n | tail -1 |
    sed 's/.*/  longest time without an acknowledgement: & ms/'
}

expect_no() {
  if engine logs "$(container "$3")" 2>&1 | grep "$2"; then fail "$1"; fi
}

eventually() {
  local until=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" >/dev/null; do
    if test "$SECONDS" -ge "$until"; then fail "never: $what"; fi
    sleep 0.5
  done
  echo "  $what"
}

step() { echo "$1"; }

skip() {
  echo "SKIPPED: $1" >&2
  exit 0
}

fail() {
  echo "FAILED: $1" >&2
  tail -20 "$log" >&2
  status >&2
  for service in $services; do echo "--- $service" && engine logs --tail 8 "$(container "$service")" || true; done >&2
  exit 1
}

finish() {
  local code=$?
  compose down -v >"$log" 2>&1 || true
  rm -f "$log"
  exit "$code"
}

main
