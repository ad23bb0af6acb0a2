# shellcheck shell=bash
# Private Postgres clusters: `postgres` is that of up, `test-postgres` lives as long as one run of the tests.

postgres_least=15 # the oldest that Muster is tried with

# --- Programs --------------------------------------------------------------------------------------------------------

postgres_places() {
  local found
  found=$(command -v initdb || true)
  [ -z "$found" ] || dirname "$found"
  pg_config --bindir 2>/dev/null || true
  printf '%s\n' /usr/lib/postgresql/*/bin /usr/pgsql-*/bin \
    /opt/homebrew/opt/postgresql*/bin /usr/local/opt/postgresql*/bin /Applications/Postgres.app/Contents/Versions/*/bin
}

# find_postgres [MAJOR]: sets `pg_bin` to the newest programs, or to those of one version: a cluster is not opened by another.
find_postgres() {
  local wanted=${1:-} place program version best=0
  pg_bin=""
  while IFS= read -r place; do
    for program in initdb pg_ctl psql postgres; do [ -x "$place/$program" ] || continue 2; done
    version=$("$place/postgres" --version | sed 's/^[^0-9]*\([0-9]*\).*/\1/')
    [ "$version" -ge "$postgres_least" ] || continue
    if [ "$version" = "$wanted" ] || { [ -z "$wanted" ] && [ "$version" -gt "$best" ]; }; then
      best=$version
      pg_bin=$place
    fi
  done <<PLACES
$(postgres_places)
PLACES
  [ -n "$pg_bin" ]
}

has_owner() { id postgres >/dev/null 2>&1 && command -v runuser >/dev/null; }

# Postgres does not run as root; there its user is `postgres`. From /, because that user may not see where we are.
as_owner() {
  if is_root; then
    (cd / && LC_ALL=C runuser -u postgres -- "$@")
  else
    (cd / && LC_ALL=C "$@")
  fi
}

# --- Where the clusters lie ------------------------------------------------------------------------------------------

# Sets `base`: .local, or, when root's project is below a folder that the user postgres may not enter, one in /var/tmp.
choose_base() {
  base=$state
  if [ -f "$state/base" ]; then
    base=$(cat "$state/base")
  elif is_root && has_owner && ! as_owner test -x "$state"; then
    base="/var/tmp/muster-0-$(printf '%s' "$root" | cksum | cut -d ' ' -f 1)"
    claim_base
    printf '%s\n' "$base" >"$state/base"
  fi
}

# What lies there unremembered is ours, of a .local that was removed by hand, or it is not ours at all.
claim_base() {
  local name
  if [ -e "$base" ] || [ -L "$base" ]; then
    if [ -z "$(find "$base" -prune -type d -user 0)" ] || [ "$(cat "$base/project" 2>/dev/null)" != "$root" ]; then
      die "$base is in the way: it is not this project's"
    fi
    for name in postgres test-postgres; do cluster_discard "$name"; done
    rm -rf "$base"
  fi
  mkdir -m 755 "$base"
  chmod 755 "$base"
  printf '%s\n' "$root" >"$base/project"
}

# --- A cluster -------------------------------------------------------------------------------------------------------

# The postmaster's pid, if it is alive and this cluster's.
cluster_pid() {
  local pid data="$base/$1/data"
  pid=$(head -n 1 "$data/postmaster.pid" 2>/dev/null) || return 1
  case "$(command_of "$pid")" in
    *"$data"*) printf '%s' "$pid" ;;
    *) return 1 ;;
  esac
}

# cluster_start NAME SETTINGS [INITDB OPTIONS]: makes the cluster if there is none, and starts it if it does not run.
cluster_start() {
  local name=$1 settings=$2 dir port
  shift 2
  choose_base
  dir="$base/$name"
  if [ -f "$dir/complete" ]; then
    find_postgres "$(cat "$dir/data/PG_VERSION")" ||
      die "the data are of PostgreSQL $(cat "$dir/data/PG_VERSION"), which is not installed; 'deploy/local.sh reset' wipes them"
    if cluster_pid "$name" >/dev/null; then return 0; fi
  else
    find_postgres
    cluster_create "$name" "$@"
  fi
  drop_foreign_pid "$dir/data/postmaster.pid"
  choose_port "$name"
  cluster_configure "$dir" "$port" "$settings"
  started="$started $name"
  if ! as_owner "$pg_bin/pg_ctl" start -s -w -t 300 -D "$dir/data" -l "$dir/postgres.log" </dev/null; then
    tail -n 30 "$dir/postgres.log" >&2
    die "Postgres does not start"
  fi
}

cluster_create() {
  local name=$1 dir="$base/$1"
  shift
  if is_root && ! has_owner; then
    die "as root this needs a user 'postgres' and runuser (of util-linux); or run it as an ordinary user"
  fi
  rm -rf "$dir"
  mkdir -m 700 "$dir"
  (umask 077 && secret "$name" >"$dir/password")
  if is_root; then chown -R postgres "$dir"; fi
  # Sorting and case are nobody's business here: keys are compared by bytes, and folded before they arrive.
  as_owner "$pg_bin/initdb" -D "$dir/data" -U muster -A scram-sha-256 --pwfile="$dir/password" \
    -E UTF8 --locale=C "$@" </dev/null >"$dir.initdb.log" 2>&1 ||
    { cat "$dir.initdb.log" >&2 && die "initdb failed"; }
  rm -f "$dir.initdb.log"
  rm -f "$dir/password"
  printf "\ninclude = 'muster.conf'\n" >>"$dir/data/postgresql.conf"
  touch "$dir/complete"
}

# After a crash of the machine the pid in the file may be another process's by now, and Postgres would take that for a
# postmaster of its own.
drop_foreign_pid() {
  local pid
  pid=$(head -n 1 "$1" 2>/dev/null) || return 0
  if kill -0 "$pid" 2>/dev/null; then
    case "$(command_of "$pid")" in
      *postgres*) ;;
      *) rm -f "$1" ;;
    esac
  fi
}

cluster_configure() {
  local dir=$1 port=$2 settings=$3 file="$1/data/muster.conf"
  {
    printf '# Written by deploy/local.sh at each start; what is changed here is lost. The reasons are in deploy/README.md.\n'
    printf "listen_addresses = '127.0.0.1'\nport = %s\nunix_socket_directories = '%s'\n" "$port" "$(socket_folder "$dir")"
    # Containers often have 64 MB there, which one parallel query can fill.
    [ "$(df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 { print int($2 / 1024) }')" != 64 ] || printf 'dynamic_shared_memory_type = mmap\n'
    "$settings"
  } >"$file"
  chmod 644 "$file"
  # Not every build has lz4.
  if ! as_owner "$pg_bin/postgres" -C wal_compression -D "$dir/data" >/dev/null 2>&1; then
    sed 's/^wal_compression = lz4/wal_compression = on/' "$file" >"$file.new"
    cat "$file.new" >"$file"
    rm -f "$file.new"
  fi
}

# A socket's path may have some 100 bytes, and commas would part it; nothing needs the socket, so it is left out then.
socket_folder() {
  case "$1" in *[,\'\"]*) return 0 ;; esac
  [ "$(printf '%s' "$1" | wc -c)" -gt 85 ] || printf '%s' "$1"
}

# The reasons stand in deploy/README.md, in the same order.
settings_for_work() {
  local memory buffers=128MB
  memory=$(memory_mb)
  # A machine sold with 8 or 16 GB shows a little less.
  if [ "$memory" -ge 15000 ]; then
    buffers=2GB
  elif [ "$memory" -ge 7500 ]; then
    buffers=1GB
  elif [ "$memory" -ge 3500 ]; then
    buffers=512MB
  fi
  cat <<SETTINGS
shared_buffers = $buffers
max_wal_size = 8GB
checkpoint_timeout = 15min
fsync = on
synchronous_commit = on
wal_compression = lz4
random_page_cost = 1.1
max_connections = 200
jit = off
log_error_verbosity = terse
timezone = 'UTC'
SETTINGS
}

settings_for_tests() {
  cat <<SETTINGS
shared_buffers = 256MB
max_wal_size = 4GB
fsync = off
full_page_writes = off
random_page_cost = 1.1
max_connections = 300
jit = off
log_error_verbosity = terse
timezone = 'UTC'
SETTINGS
}

cluster_stop() {
  local dir="$base/$1"
  cluster_pid "$1" >/dev/null || return 0
  if ! find_postgres "$(cat "$dir/data/PG_VERSION")"; then
    warn "the programs of the Postgres that runs in $dir are gone: cannot stop it"
    return 1
  fi
  as_owner "$pg_bin/pg_ctl" stop -s -m fast -w -t 60 -D "$dir/data" </dev/null ||
    as_owner "$pg_bin/pg_ctl" stop -s -m immediate -w -t 60 -D "$dir/data" </dev/null
}

cluster_discard() {
  cluster_stop "$1"
  rm -rf "${base:?}/$1" "$state/ports/$1" "$state/secrets/$1"
}

cluster_url() { printf 'postgres://muster:%s@127.0.0.1:%s/%s' "$(secret "$1")" "$(remembered_port "$1")" "$2"; }

# By the environment, because a command line is everybody's to read.
cluster_psql() {
  local name=$1
  shift
  (
    forget_variables PG
    PGHOST=127.0.0.1 PGPORT=$(remembered_port "$name") PGUSER=muster PGPASSWORD=$(secret "$name") "$pg_bin/psql" "$@"
  )
}
