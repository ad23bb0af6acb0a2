# shellcheck shell=bash
# Muster itself: the servers it is to use, its build, its processes, and how they come and go.

# --- Which servers ---------------------------------------------------------------------------------------------------

# A shell that has read .local/env has the private servers' addresses, perhaps of a cluster that is gone.
is_private_url() {
  case "$1" in
    postgres://muster:local-*@127.0.0.1:* | redis://:local-*@127.0.0.1:* | file://*/.local/files) ;;
    *) return 1 ;;
  esac
}

choose_servers() {
  local name
  for name in MUSTER_DATABASE_URL MUSTER_REDIS_URL MUSTER_FILES_URL; do
    if is_private_url "${!name:-}"; then unset "$name"; fi
  done
  own_servers=""
  if [ -n "${MUSTER_DATABASE_URL:-}" ] && [ -n "${MUSTER_REDIS_URL:-}" ]; then own_servers=yes; fi
}

need_both_or_none() {
  if [ -z "$own_servers" ] && [ -n "${MUSTER_DATABASE_URL:-}${MUSTER_REDIS_URL:-}" ]; then
    die "set both MUSTER_DATABASE_URL and MUSTER_REDIS_URL to use your own servers, or neither" 2
  fi
}

servers_start() {
  if [ -n "$own_servers" ]; then
    say "Using the servers of MUSTER_DATABASE_URL and MUSTER_REDIS_URL."
  else
    # libpq would listen to them too.
    forget_variables PG
    say "Starting Postgres and Redis …"
    cluster_start postgres settings_for_work
    [ -n "$(cluster_psql postgres -XtA -d postgres -c "SELECT 1 FROM pg_database WHERE datname = 'muster'")" ] ||
      cluster_psql postgres -Xq -d postgres -c 'CREATE DATABASE muster'
    redis_start
    MUSTER_DATABASE_URL=$(cluster_url postgres muster)
    MUSTER_REDIS_URL=$(redis_url)
  fi
  : "${MUSTER_FILES_URL:=file://$(printf '%s' "$state/files" | sed 's/%/%25/g; s/ /%20/g; s/#/%23/g; s/?/%3F/g')}"
  export MUSTER_DATABASE_URL MUSTER_REDIS_URL MUSTER_FILES_URL
}

# --- Muster ----------------------------------------------------------------------------------------------------------

first_build_takes() { [ -e "$1" ] || say "The first build takes a few minutes (some five on two cores)."; }

build() {
  first_build_takes "$release/muster-api"
  SQLX_OFFLINE=true run_group cargo build --locked --release --workspace || die "the build failed"
}

# A process goes on with what it was started with: another build, or other servers, need another process.
stop_outdated() {
  local name workers
  workers=$(running_workers)
  if [ "$(remembered MUSTER_DATABASE_URL)" != "$MUSTER_DATABASE_URL" ] || [ "$(remembered MUSTER_REDIS_URL)" != "$MUSTER_REDIS_URL" ] ||
    [ "$(remembered MUSTER_FILES_URL)" != "$MUSTER_FILES_URL" ]; then
    # shellcheck disable=SC2086 # a list of names
    stop_processes $workers api
    return 0
  fi
  [ ! "$release/muster-api" -nt "$state/run/api.pid" ] || stop_processes api
  for name in $workers; do
    [ ! "$release/muster-worker" -nt "$state/run/$name.pid" ] || stop_processes "$name"
  done
}

make_site() {
  local answer
  if ! answer=$("$release/muster-api" create-site demo --name Demo 2>&1) &&
    # It has been there since the last time; a server of the user's own may have it from before.
    [ "$(remembered MUSTER_DATABASE_URL)" != "$MUSTER_DATABASE_URL" ]; then
    case "$answer" in
      *exist* | *taken* | *already*) ;;
      *) warn "$answer" && die "the site 'demo' could not be made" ;;
    esac
  fi
}

# The token of last time, if it still opens the door.
make_token() {
  token=""
  [ "$(remembered MUSTER_DATABASE_URL)" != "$MUSTER_DATABASE_URL" ] || token=$(remembered MUSTER_TOKEN)
  if [ -z "$token" ] || ! token_is_good; then
    token=$("$release/muster-api" create-token --account admin@example.com --system-admin --site demo --role admin) ||
      die "no token could be made"
  fi
}

# On standard input, because a command line is everybody's to read.
token_is_good() {
  printf 'header = "Authorization: Bearer %s"\n' "$token" |
    curl -fs --noproxy '*' --max-time 10 -o /dev/null -K - "$url/api/v1/sites"
}

start_api() {
  local port
  if ! running api; then
    choose_port api 8080
    detach api "$release/muster-api" env "MUSTER_BIND=127.0.0.1:$port" "$release/muster-api" serve
  fi
  url="http://127.0.0.1:$(remembered_port api)"
  wait_until api 60 answers "$url/readyz"
}

start_worker() {
  local number=1 name port
  while running "worker-$number"; do number=$((number + 1)); done
  name="worker-$number"
  choose_port "$name"
  detach "$name" "$release/muster-worker" env "MUSTER_HEALTH_BIND=127.0.0.1:$port" "$release/muster-worker"
  wait_until "$name" 60 answers "http://127.0.0.1:$port/livez"
}

# As many as asked for; without a number, two at least.
start_workers() {
  local asked=$1 name count=0
  for name in $(running_workers); do
    count=$((count + 1))
    [ -z "$asked" ] || [ "$count" -le "$asked" ] || stop_processes "$name"
  done
  while [ "$count" -lt "${asked:-2}" ]; do
    start_worker
    count=$((count + 1))
  done
}

write_env() {
  local name
  (
    umask 077
    {
      printf '# Written by deploy/local.sh up. For curl and muster-local:  . .local/env\n'
      printf 'export MUSTER_URL=%s\nexport MUSTER_TOKEN=%s\n' "$(quoted "$url")" "$(quoted "$token")"
      for name in MUSTER_DATABASE_URL MUSTER_REDIS_URL MUSTER_FILES_URL; do
        printf 'export %s=%s\n' "$name" "$(quoted "${!name}")"
      done
    } >"$state/env.new"
  )
  mv -f "$state/env.new" "$state/env"
}

bring_up() {
  check_tools
  make_state
  [ -n "$own_servers" ] || ensure postgres redis
  take_lock up
  build
  servers_start
  stop_outdated
  "$release/muster-api" migrate || die "the migrations failed"
  make_site
  start_api
  make_token
  write_env
  start_workers "$1"
  release_lock up
}

# shut NAMES, in whatever order: first those that work, last those that remember.
shut() {
  local name names=" $* "
  local workers=""
  for name in "$@"; do
    case "$name" in worker-*) workers="$workers $name" ;; esac
  done
  # shellcheck disable=SC2086 # a list of names
  stop_processes $workers
  for name in api redis; do
    case "$names" in *" $name "*) stop_processes "$name" ;; esac
  done
  case "$names" in *" postgres "*) cluster_stop postgres ;; esac
}

forget_everything() {
  rm -rf "$state"
  [ "$base" = "$state" ] || rm -rf "${base:?}"
}

need_up() {
  if ! running api || [ ! -f "$state/env" ]; then die "Muster is not up: deploy/local.sh up" 2; fi
}
