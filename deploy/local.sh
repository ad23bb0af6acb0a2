#!/usr/bin/env bash
# Muster on this machine: installs what it needs, starts it, stops it; nothing more. What talks to Muster is written in
# Rust (muster-local, of the crate `tests`). All state is under .local/. Runs on bash 3.2 (macOS) and without GNU's flags.
set -euo pipefail

usage() {
  cat <<'USAGE'
Usage: deploy/local.sh COMMAND

  demo [--once]          up, load the demo data, stay until Ctrl-C; --once: stop at once what it started
  up [--workers N]       build and start Postgres, Redis, the api and N workers (2); prints where to look
  down                   stop everything; the data stay
  reset                  stop everything and wipe the data
  status                 what runs (ends with 1 if the api is not ready)
  logs [-f] [NAME…]      the last lines of all logs, or of api, worker-1, redis, postgres; -f: go on
  psql [ARGUMENT…]       a psql on Muster's database
  worker                 one more worker
  import FILE --recipe R [--site S] [--kind K] [--settings JSON] [--apply]
                         upload, preview, and with --apply apply; ends with 0 clean, 1 lines rejected, held, failed or
                         not found, 2 usage or Muster is not up, 3 the import was rejected or failed
  test [ARGUMENT…]       cargo test, in databases and a Redis of their own; the arguments are cargo test's
  test --fast [ARGUMENT…]
                         those that take seconds once compiled: tables, rules of the house, SQL of the store
  test --long [ARGUMENT…]
                         the tests that take minutes, and only those
  fuzz [--seconds N] [TARGET…]
                         what reads bytes from outside, with the bytes of a fuzzer, for so long each (60); tests/fuzz
  chaos [--minutes N] [--seed S] [--sites N] [--calm]
                         admins at work while everything is killed, frozen and wiped; compares what each site holds with what it
                         must; ends with a line of JSON, and 0 or 1. --calm: nobody is harmed
  bench [--loads L,…] [--lines N] [--users N] [--workers N] [--rounds N] [--json FILE]
                         how fast Muster is, against the best script by hand on the same database; in a Postgres of its own, which goes
                         afterwards. The loads: W1 to W5, idle, beside, intake, growth. Half an hour; tests/bench/README.md
  prepare [--check]      for developers: refresh the offline query data (.sqlx), or compare them
  help                   this

MUSTER_DATABASE_URL and MUSTER_REDIS_URL, both set, are used instead of private servers. More: deploy/README.md
USAGE
}

usage_error() {
  printf 'deploy/local.sh: %s\n\n' "$1" >&2
  usage >&2
  exit 2
}

here=$PWD
root=$(cd "$(dirname "$0")/.." && pwd -P)
state="$root/.local"
target=${CARGO_TARGET_DIR:-$root/target}
case "$target" in /*) ;; *) target="$here/$target" ;; esac
release="$target/release"
prepare_target=${PREPARE_TARGET_DIR:-$target/prepare}
# Cargo's own settings may name another folder; the programs must be where we look for them.
export CARGO_TARGET_DIR="$target"
# What is private is reached directly.
export NO_PROXY="127.0.0.1,localhost${NO_PROXY:+,$NO_PROXY}"
export no_proxy="$NO_PROXY"

# shellcheck source=deploy/local/ground.sh
. "$root/deploy/local/ground.sh"
# shellcheck source=deploy/local/install.sh
. "$root/deploy/local/install.sh"
# shellcheck source=deploy/local/postgres.sh
. "$root/deploy/local/postgres.sh"
# shellcheck source=deploy/local/redis.sh
. "$root/deploy/local/redis.sh"
# shellcheck source=deploy/local/muster.sh
. "$root/deploy/local/muster.sh"
# shellcheck source=deploy/local/tests.sh
. "$root/deploy/local/tests.sh"
# shellcheck source=deploy/local/fuzz.sh
. "$root/deploy/local/fuzz.sh"

# --- Commands --------------------------------------------------------------------------------------------------------

no_arguments() { [ $# = 0 ] || usage_error "unexpected: $1"; }

command_up() {
  local workers=""
  while [ $# -gt 0 ]; do
    case "$1" in
      --workers)
        workers=${2:-}
        [ $# -gt 1 ] || usage_error "--workers needs a number"
        shift
        ;;
      --workers=*) workers=${1#*=} ;;
      *) usage_error "unknown: $1" ;;
    esac
    case "$workers" in "" | *[!0-9]* | ????*) usage_error "--workers needs a number, not '$workers'" ;; esac
    shift
  done
  need_both_or_none
  # A start that fails half-way leaves nothing half-started; the logs stay.
  at_exit="stop_started"
  bring_up "$workers"
  at_exit=""
  where_to_look
}

where_to_look() {
  cat <<TEXT

Muster is up at $url  ($(running_workers | wc -l | tr -d ' ') workers; site 'demo'; you are its admin and the system's)

  deploy/local.sh import FILE --recipe create-users       preview a file; --apply carries it out
  . .local/env                                            MUSTER_URL and MUSTER_TOKEN for your shell, then:
  curl -H "Authorization: Bearer \$MUSTER_TOKEN" \$MUSTER_URL/api/v1/sites
  deploy/local.sh status | logs | psql | down
TEXT
}

command_down() {
  no_arguments "$@"
  [ -d "$state" ] || return 0
  make_state
  take_lock up
  choose_base
  # shellcheck disable=SC2046 # a list of names
  shut $(running_workers) api redis postgres
  say "Stopped; the data stay."
}

command_reset() {
  no_arguments "$@"
  [ -d "$state" ] || return 0
  make_state
  take_lock up
  take_lock test
  choose_base
  # shellcheck disable=SC2046 # a list of names
  shut $(running_workers) api redis postgres
  cluster_stop test-postgres
  forget_everything
  say "Stopped and wiped. (Servers of your own are as they were.)"
}

command_status() {
  local name code=0
  no_arguments "$@"
  if [ ! -d "$state" ]; then
    say "Nothing runs, nothing is stored here."
    return 1
  fi
  choose_base
  if name=$(cluster_pid postgres); then
    say "postgres   runs    process $name, 127.0.0.1:$(remembered_port postgres), $base/postgres"
  fi
  for name in redis api $(running_workers); do
    if running "$name"; then say "$(printf '%-10s runs    process %s, 127.0.0.1:%s' "$name" "$(pid_of "$name")" "$(remembered_port "$name")")"; fi
  done
  if running api && answers "$(remembered MUSTER_URL)/readyz"; then
    say "ready at $(remembered MUSTER_URL)"
  else
    say "The api is not ready."
    code=1
  fi
  return "$code"
}

command_logs() {
  local follow="" name
  while [ $# -gt 0 ]; do
    case "$1" in
      -f) follow=-F ;;
      -*) usage_error "unknown: $1" ;;
      *) break ;;
    esac
    shift
  done
  [ -d "$state/logs" ] || die "nothing has run here"
  choose_base
  if [ $# = 0 ]; then
    set -- postgres
    for name in "$state"/logs/*.log; do set -- "$@" "$(basename "$name" .log)"; done
  fi
  # Each name makes way for its file.
  for name in "$@"; do
    shift
    set -- "$@" "$(log_file "$name")"
    [ -f "${!#}" ] || die "there is no log of '$name'"
  done
  # shellcheck disable=SC2086 # perhaps no flag
  exec tail -n 40 $follow "$@"
}

log_file() { if [ "$1" = postgres ]; then printf '%s' "$base/postgres/postgres.log"; else printf '%s' "$state/logs/$1.log"; fi; }

command_psql() {
  [ -f "$state/env" ] || die "there is no database yet: deploy/local.sh up"
  MUSTER_DATABASE_URL=$(remembered MUSTER_DATABASE_URL)
  if is_private_url "$MUSTER_DATABASE_URL"; then
    choose_base
    cluster_pid postgres >/dev/null || die "Postgres does not run: deploy/local.sh up"
    find_postgres "$(cat "$base/postgres/data/PG_VERSION")"
    cluster_psql postgres -d muster "$@"
  else
    psql "$MUSTER_DATABASE_URL" "$@"
  fi
}

command_worker() {
  no_arguments "$@"
  need_up
  make_state
  take_lock up
  at_exit="stop_started"
  # shellcheck disable=SC1091
  . "$state/env"
  start_worker
  at_exit=""
  say "$(running_workers | wc -l | tr -d ' ') workers run."
}

command_import() {
  need_up
  # shellcheck disable=SC1091
  . "$state/env"
  # File names are the caller's.
  cd "$here"
  exec "$release/muster-local" import "$@"
}

command_demo() {
  local once="" code=0
  case "$*" in
    "") ;;
    --once) once=yes ;;
    *) usage_error "unknown: $*" ;;
  esac
  need_both_or_none
  at_exit="stop_started"
  bring_up ""
  run_group env "MUSTER_URL=$url" "MUSTER_TOKEN=$token" "$release/muster-local" demo || code=$?
  [ "$code" = 0 ] || die "the demo failed" "$code"
  if [ -z "$once" ]; then stay; fi
}

stay() {
  where_to_look
  if [ -z "$started" ]; then
    say "Muster was up before this demo and stays up."
    return 0
  fi
  say ""
  say "Ctrl-C stops it; the data stay (deploy/local.sh reset wipes them)."
  trap 'exit 0' INT TERM HUP
  while running api; do sleep 1; done
  say "Muster was stopped from elsewhere."
}

command_prepare() {
  case "$*" in
    "") prepare ;;
    --check) prepare check ;;
    *) usage_error "unknown: $*" ;;
  esac
}

main() {
  local command=${1:-help}
  [ $# = 0 ] || shift
  set_traps
  choose_servers
  cd "$root"
  case "$command" in
    up | down | reset | status | logs | psql | worker | import | demo | prepare) "command_$command" "$@" ;;
    test) run_tests "$@" ;;
    fuzz) run_fuzz "$@" ;;
    chaos) run_chaos "$@" ;;
    bench) run_bench "$@" ;;
    help | --help | -h) usage ;;
    *) usage_error "unknown command: $command" ;;
  esac
}

main "$@"
