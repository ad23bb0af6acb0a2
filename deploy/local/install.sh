# shellcheck shell=bash
# What must be on the machine, and how it gets there.

check_tools() {
  local missing=""
  command -v cargo >/dev/null || PATH="$PATH:$HOME/.cargo/bin"
  if ! command -v cargo >/dev/null; then
    missing=yes
    warn "Missing: Rust's cargo. Get it with:  curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh"
  fi
  if ! command -v cc >/dev/null; then
    missing=yes
    warn "Missing: a C compiler (cc). Debian, Ubuntu:  apt-get install build-essential     macOS:  xcode-select --install"
  fi
  if ! command -v curl >/dev/null; then
    missing=yes
    warn "Missing: curl. Debian, Ubuntu:  apt-get install curl"
  fi
  [ -z "$missing" ] || exit 1
}

# ensure NAMES (postgres, redis): finds the servers' programs, and installs what is missing.
ensure() {
  local missing
  missing=$(missing_packages "$@")
  if [ -n "$missing" ]; then
    # shellcheck disable=SC2086 # a list of packages
    install_packages $missing
    missing=$(missing_packages "$@")
    [ -z "$missing" ] || die "still not found after installing: $missing"
  fi
}

missing_packages() {
  local name
  for name in "$@"; do
    case "$name" in
      postgres) find_postgres || printf 'postgresql ' ;;
      redis) find_redis || printf 'redis-server ' ;;
    esac
  done
}

install_packages() {
  local work
  if ! command -v apt-get >/dev/null; then
    warn "Missing: $*. Muster needs PostgreSQL $postgres_least or newer and Redis 6.2 or newer, with their servers' programs:"
    warn "  macOS:  brew install postgresql@17 redis"
    warn "  elsewhere: the packages of your system; the programs must be on the PATH (initdb, pg_ctl, psql, redis-server)"
    warn "  or set MUSTER_DATABASE_URL and MUSTER_REDIS_URL to servers that you have"
    exit 1
  fi
  work="$(declare -f install_as_root); install_as_root $postgres_least $*"
  if is_root; then
    set -- "$*" bash -c "$work"
  elif command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
    set -- "$*" sudo bash -c "$work"
  else
    die "missing: $*; ask for them to be installed (apt-get install $*), or set MUSTER_DATABASE_URL and MUSTER_REDIS_URL"
  fi
  say "Installing, without starting services of their own: $1 …"
  shift
  "$@" || die "installing failed"
}

# install_as_root LEAST PACKAGES: runs in a bash of its own, perhaps under sudo, and stands alone. The packages would
# start servers of their own, and Debian's would make a cluster: neither is wanted, so both are switched off while they
# are installed, and what was there is put back whatever happens.
install_as_root() {
  local least=$1 version
  shift
  policy=/usr/sbin/policy-rc.d
  choice=/etc/postgresql-common/createcluster.d/muster-local.conf

  # shellcheck disable=SC2317 # the trap calls it
  put_back() {
    rm -f "$policy" "$choice"
    [ ! -e "$policy.before-muster" ] || mv "$policy.before-muster" "$policy"
  }
  # A download may fail because the lists of packages are old.
  get() {
    set -- apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=120 -o Dpkg::Use-Pty=0 "$@"
    "$@" </dev/null || { apt-get update -q && "$@" </dev/null; }
  }

  export DEBIAN_FRONTEND=noninteractive
  trap put_back EXIT
  trap 'exit 1' INT TERM HUP
  # A copy that is there already is of a run that was killed, and older than what now has its place.
  [ ! -e "$policy" ] || [ -e "$policy.before-muster" ] || mv "$policy" "$policy.before-muster"
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"

  apt-cache show "$@" >/dev/null 2>&1 || apt-get update -q || exit 1
  case " $* " in
    *" postgresql "*)
      version=$(apt-cache show postgresql | sed -n 's/^Version: \([0-9][0-9]*\).*/\1/p' | sort -n | tail -n 1)
      if [ "${version:-0}" -lt "$least" ]; then
        echo "This system offers PostgreSQL ${version:-none}; Muster needs $least or newer: https://www.postgresql.org/download/" >&2
        exit 1
      fi
      get postgresql-common || exit 1
      mkdir -p "${choice%/*}"
      echo 'create_main_cluster = false' >"$choice"
      ;;
  esac
  get "$@" || exit 1
}
