# shellcheck shell=bash
# What the rest of local.sh stands on: messages, ends, locks, ports, and processes that go on after the script.

say() { printf '%s\n' "$*"; }
warn() { printf '%s\n' "$*" >&2; }
die() {
  warn "deploy/local.sh: $1"
  exit "${2:-1}"
}

is_root() { [ "$(id -u)" = 0 ]; }

# --- The end of the script -------------------------------------------------------------------------------------------

group=""   # the process group of the long command that runs now
started="" # the names of what this call started
at_exit="" # functions to call at the end, whatever the end is
locks=""   # the locks that this call holds

finish() {
  local status=$? each
  # From here on nothing may interrupt or fail: half a clean-up leaves processes behind.
  trap - EXIT
  trap '' INT TERM HUP PIPE
  set +e
  end_group
  for each in $at_exit; do "$each"; done
  for each in $locks; do rm -f "$state/$each.lock"; done
  exit "$status"
}

set_traps() {
  trap finish EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  trap 'exit 129' HUP
  trap 'exit 141' PIPE
}

stop_started() {
  [ -z "$started" ] || warn "Stopping what this started …"
  # shellcheck disable=SC2086 # a list of names
  shut $started
}

# Runs a command as a process group of its own and ends whatever is left of the group afterwards. `wait`, unlike a
# command in the foreground, lets a signal to this script be answered at once.
run_group() {
  local code=0
  set -m
  "$@" </dev/null &
  group=$!
  set +m
  wait "$group" || code=$?
  end_group
  return "$code"
}

end_group() {
  [ -n "$group" ] || return 0
  local deadline=$((SECONDS + 20))
  kill -TERM "-$group" 2>/dev/null || true
  while kill -0 "-$group" 2>/dev/null && [ "$SECONDS" -lt "$deadline" ]; do sleep 0.1; done
  kill -KILL "-$group" 2>/dev/null || true
  group=""
}

# --- State -----------------------------------------------------------------------------------------------------------

make_state() {
  if [ -d "$state" ] && [ ! -O "$state" ]; then
    die "$state belongs to another user; run this as that user, or let them 'deploy/local.sh reset'"
  fi
  mkdir -p "$state"
  # Root's Postgres, which is user postgres, must pass through to its folder. The rest is nobody else's business.
  chmod 711 "$state"
  (cd "$state" && umask 077 && mkdir -p run logs ports secrets files redis)
}

# A link is made and says who made it in one step, on every system.
take_lock() {
  local other misses=0 told=""
  until ln -s "$$" "$state/$1.lock" 2>/dev/null; do
    other=$(readlink "$state/$1.lock" 2>/dev/null || true)
    case "$(command_of "$other")" in
      *local.sh*)
        [ -n "$told" ] || say "Waiting for another deploy/local.sh (process $other) …"
        told=yes
        sleep 1
        ;;
      *)
        rm -f "$state/$1.lock"
        misses=$((misses + 1))
        [ "$misses" -lt 5 ] || die "cannot write to $state"
        ;;
    esac
  done
  locks="$locks $1"
}

release_lock() {
  local each kept=""
  rm -f "$state/$1.lock"
  for each in $locks; do [ "$each" = "$1" ] || kept="$kept $each"; done
  locks=$kept
}

# Made once, then remembered. Every one begins with "local-": is_private_url knows our own servers by that.
secret() {
  local file="$state/secrets/$1"
  if [ ! -s "$file" ]; then
    (umask 077 && printf 'local-%s' "$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')" >"$file")
  fi
  cat "$file"
}

quoted() { printf "'%s'" "$(printf '%s' "$1" | sed "s/'/'\\\\''/g")"; }

forget_variables() { # PREFIX…
  local prefix name
  for prefix in "$@"; do
    for name in $(compgen -A variable "$prefix"); do unset "$name"; done
  done
}

# A value out of .local/env, and never one of the caller's environment.
remembered() {
  [ -f "$state/env" ] || return 0
  (
    unset "$1"
    # shellcheck disable=SC1091
    . "$state/env"
    eval "printf '%s' \"\${$1:-}\""
  )
}

memory_mb() {
  local megabytes limit
  if [ -r /proc/meminfo ]; then
    megabytes=$(awk '/^MemTotal:/ { print int($2 / 1024) }' /proc/meminfo)
  else
    megabytes=$(($(sysctl -n hw.memsize) / 1048576))
  fi
  # A container may be given less than the machine has.
  limit=$(cat /sys/fs/cgroup/memory.max 2>/dev/null || true)
  case "$limit" in
    "" | max) ;;
    *) [ $((limit / 1048576)) -ge "$megabytes" ] || megabytes=$((limit / 1048576)) ;;
  esac
  printf '%s' "$megabytes"
}

# --- Ports -----------------------------------------------------------------------------------------------------------

in_use() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

remembered_port() { cat "$state/ports/$1" 2>/dev/null || true; }

# choose_port NAME [FAVOURITE]: sets `port` to the remembered one, or the favourite, or any, whichever is free. Random
# ones lie below 30000, where no system takes the ports of outgoing connections from.
choose_port() {
  port=$(remembered_port "$1")
  [ -n "$port" ] || port=${2:-}
  while [ -z "$port" ] || in_use "$port"; do
    port=$((20000 + $(od -An -N2 -tu2 /dev/urandom) % 10000))
  done
  printf '%s\n' "$port" >"$state/ports/$1"
}

# --- Processes -------------------------------------------------------------------------------------------------------

command_of() {
  if [ -z "$1" ]; then
    return 0
  elif [ -d /proc/self ]; then
    tr '\0' ' ' 2>/dev/null <"/proc/$1/cmdline" || true
  else
    ps -p "$1" -o command= || true
  fi 2>/dev/null
}

# detach NAME MARK COMMAND…: starts a process that outlives this script and its terminal: a process group of its own, so
# that Ctrl-C here does not reach it, and deaf to the terminal's end. MARK is a part of its command line.
detach() {
  local name=$1 mark=$2 tries=0
  shift 2
  [ ! -f "$state/logs/$name.log" ] || mv -f "$state/logs/$name.log" "$state/logs/$name.log.1"
  (
    set -m
    trap '' HUP
    "$@" </dev/null >"$state/logs/$name.log" 2>&1 &
    printf '%s\n%s\n' "$!" "$mark" >"$state/run/$name.pid"
  )
  started="$started $name"
  until running "$name" || [ "$tries" -ge 30 ]; do
    tries=$((tries + 1))
    sleep 0.1
  done
}

# The pid of a name, if it still is the process that was started: a pid may have been given to another since.
pid_of() {
  local pid mark
  [ -f "$state/run/$1.pid" ] || return 1
  { read -r pid && read -r mark; } <"$state/run/$1.pid" || return 1
  case "$(command_of "$pid")" in
    *"$mark"*) printf '%s' "$pid" ;;
    *) return 1 ;;
  esac
}

running() { pid_of "$1" >/dev/null; }

running_workers() {
  local file name
  for file in "$state"/run/worker-*.pid; do
    name=$(basename "$file" .pid)
    if running "$name"; then printf '%s\n' "$name"; fi
  done
}

# SIGTERM to all of them at once, then as long as a batch may take, then SIGKILL.
stop_processes() {
  local name pid deadline=$((SECONDS + 30))
  for name in "$@"; do
    if pid=$(pid_of "$name"); then kill -TERM "$pid" 2>/dev/null || true; fi
  done
  for name in "$@"; do
    while running "$name" && [ "$SECONDS" -lt "$deadline" ]; do sleep 0.1; done
    if pid=$(pid_of "$name"); then
      warn "$name does not end by itself; killing it"
      kill -KILL "$pid" 2>/dev/null || true
    fi
    rm -f "$state/run/$name.pid"
  done
}

last_words() {
  local file="$state/logs/$1.log"
  warn "--- the last lines of $file"
  tail -n 30 "$file" >&2 || true
}

answers() { curl -fs --noproxy '*' --max-time 2 -o /dev/null "$1"; }

# wait_until NAME SECONDS COMMAND…: until the command succeeds; a process that ends instead is said at once.
wait_until() {
  local name=$1 seconds=$2 deadline=$((SECONDS + $2))
  shift 2
  until "$@"; do
    if ! running "$name"; then
      last_words "$name"
      die "$name ended while it was starting"
    elif [ "$SECONDS" -ge "$deadline" ]; then
      last_words "$name"
      die "$name was not ready within $seconds seconds"
    fi
    sleep 0.2
  done
}
