# shellcheck shell=bash
# A Postgres for one run: of the tests, or of the compiler that asks it about our queries. It shares nothing with `up`.

test_ground() {
  make_state
  take_lock test
  choose_base
  # A run that was killed may have left something behind.
  end_strays
  cluster_discard test-postgres
  at_exit="test_leave"
  rm -rf "$state/test"
  mkdir -p "$state/test/tmp"
}

test_postgres_start() {
  say "Starting a Postgres for this run …"
  cluster_start test-postgres settings_for_tests --no-sync
}

test_leave() {
  end_strays
  cluster_discard test-postgres
  rm -rf "$state/test"
  release_lock test
  leave_no_empty_folders
}

# A tree in which nothing but tests ran is left as it was found.
leave_no_empty_folders() {
  [ ! -d "$state/chaos" ] || rmdir "$state/chaos" || return 0
  if [ "$base" != "$state" ] && [ ! -e "$base/postgres" ]; then
    rm -f "$base/project"
    rmdir "$base" && rm -f "$state/base"
  fi
  # An `up` that runs, or is about to, needs its folders, the empty ones too.
  [ -L "$state/up.lock" ] || (cd "$state" && rmdir run && rmdir logs ports secrets files redis)
  rmdir "$state"
} 2>/dev/null

# What the tests started and what left their process group. Linux tells another process's environment (which Redis
# overwrites with its title) and folder; elsewhere the group must do.
end_strays() {
  local process
  for process in /proc/[0-9]*; do
    if is_stray "$process"; then kill -KILL "${process#/proc/}" || true; fi
  done 2>/dev/null
}

is_stray() {
  case "$(readlink "$1/cwd")" in "$state/test"/*) return 0 ;; esac
  tr '\0' '\n' <"$1/environ" | grep -Fx "LOCAL_TEST_RUN=$root" >/dev/null
}

run_tests() {
  local url tmp="$state/test/tmp" fuzzes="" left_out=""
  if [ "${1:-}" = --fast ]; then
    shift
    left_out="Left out: the tests from end to end (deploy/local.sh test), and those that take minutes (test --long)."
    set -- --workspace --lib --test house --test store "$@"
  elif [ "${1:-}" = --long ]; then
    shift
    [ $# -gt 0 ] || fuzzes=yes
    # Named, since cargo does not run them otherwise.
    set -- -p muster-tests --test long "$@"
    tmp=$state/chaos
  else
    set -- --workspace "$@"
  fi
  check_tools
  test_ground
  if [ -n "${MUSTER_DATABASE_URL:-}" ]; then
    say "The tests make their databases on the server of MUSTER_DATABASE_URL."
    ensure redis
    url=$MUSTER_DATABASE_URL
  else
    ensure postgres redis
    test_postgres_start
    url=$(cluster_url test-postgres postgres)
  fi
  find_redis
  # Some tests stop a Postgres of their own. Where the servers are the caller's, its programs may be on the PATH, or missing.
  [ -n "${pg_bin:-}" ] || find_postgres || true
  # Nothing of the developer's own settings may decide a test.
  forget_variables MUSTER_ PG
  export MUSTER_TEST_DATABASE_URL="$url" MUSTER_TEST_REDIS_SERVER="$redis_server" SQLX_OFFLINE=true
  first_build_takes "$target/debug/muster-api"
  # Tests run the programs of other crates, which `cargo test` alone would not build.
  run_group cargo build --locked --workspace
  fresh_folder "$tmp"
  run_group env "LOCAL_TEST_RUN=$root" "TMPDIR=$tmp" "PATH=${pg_bin:+$pg_bin:}$PATH" cargo test --locked "$@"
  [ -z "$fuzzes" ] || run_fuzz
  [ -z "$left_out" ] || say "$left_out"
}

fresh_folder() {
  rm -rf "$1"
  mkdir -p "$1"
}

# --- Chaos -----------------------------------------------------------------------------------------------------------

# It starts servers of its own, since it breaks them. What it leaves when something was wrong stays in .local/chaos.
run_chaos() {
  check_tools
  test_ground
  ensure postgres redis
  find_postgres
  find_redis
  forget_variables MUSTER_ PG
  fresh_folder "$state/chaos"
  first_build_takes "$target/debug/muster-api"
  SQLX_OFFLINE=true run_group cargo build --locked --workspace --bins
  run_group env "LOCAL_TEST_RUN=$root" "TMPDIR=$state/chaos" "PATH=$pg_bin:$PATH" "MUSTER_TEST_BINARIES=$target/debug" \
    "MUSTER_TEST_REDIS_SERVER=$redis_server" "$target/debug/muster-local" chaos "$@"
}

# --- Benchmark -------------------------------------------------------------------------------------------------------

# In a cluster with the settings that production is advised, and nothing left out that production needs.
run_bench() {
  check_tools
  build
  test_ground
  ensure postgres redis
  find_redis
  say "Starting a Postgres for this run …"
  cluster_start test-postgres settings_for_work
  forget_variables MUSTER_ PG
  mkdir -p "$state/test/tmp"
  # File names are the caller's.
  cd "$here"
  run_group env "LOCAL_TEST_RUN=$root" "TMPDIR=$state/test/tmp" "PATH=$pg_bin:$PATH" "MUSTER_TEST_REDIS_SERVER=$redis_server" \
    "MUSTER_BENCH_DATABASE_URL=$(cluster_url test-postgres postgres)" "$release/muster-local" bench "$@"
}

# --- Offline query data ----------------------------------------------------------------------------------------------

# The query macros write what the database says about each query into SQLX_OFFLINE_DIR, if they are really run.
prepare() {
  local check=${1:-} fresh="$state/test/sqlx"
  check_tools
  test_ground
  ensure postgres
  test_postgres_start
  mkdir -p "$fresh"
  cluster_psql test-postgres -Xq -d postgres -c 'CREATE DATABASE prepare'
  apply_migrations
  first_build_takes "$prepare_target/debug"
  forget_own_crates
  run_group env "CARGO_TARGET_DIR=$prepare_target" SQLX_OFFLINE=false "SQLX_OFFLINE_DIR=$fresh" \
    "DATABASE_URL=$(cluster_url test-postgres prepare)" cargo check --locked --workspace --all-targets
  if [ -n "$check" ]; then
    compare_query_data "$fresh"
  else
    rm -rf "$root/.sqlx"
    cp -R "$fresh" "$root/.sqlx"
    say ".sqlx describes $(find "$root/.sqlx" -name '*.json' | wc -l | tr -d ' ') queries."
  fi
}

apply_migrations() {
  local file
  for file in "$root"/migrations/*.sql; do
    # As sqlx does: each in a transaction of its own, but for those that cannot.
    case "$(head -n 1 "$file")" in
      "-- no-transaction"*) set -- ;;
      *) set -- --single-transaction ;;
    esac
    cluster_psql test-postgres -Xq -v ON_ERROR_STOP=1 "$@" -d prepare -f "$file" >/dev/null ||
      die "migration ${file##*/} failed"
  done
}

# Cargo would not run the macros of a crate that it holds to be compiled already; the dependencies stay.
forget_own_crates() {
  local manifest
  set --
  for manifest in "$root"/*/Cargo.toml; do
    set -- "$@" -p "$(sed -n '/^\[package\]/,/^\[[^p]/s/^name *= *"\(.*\)".*/\1/p' "$manifest")"
  done
  [ ! -d "$prepare_target" ] || CARGO_TARGET_DIR="$prepare_target" cargo clean -q "$@"
}

compare_query_data() {
  local fresh=$1 old="$root/.sqlx" file name differs=""
  for file in "$fresh"/*.json "$old"/*.json; do
    name=$(basename "$file")
    if [ ! -e "$file" ]; then
      continue
    elif [ ! -e "$old/$name" ]; then
      differs="$differs"$'\n'"  not committed: $name  $(query_of "$file")"
    elif [ ! -e "$fresh/$name" ]; then
      differs="$differs"$'\n'"  no longer in the code: $name  $(query_of "$file")"
    elif [ "$file" = "$fresh/$name" ] && ! cmp -s "$file" "$old/$name"; then
      differs="$differs"$'\n'"  changed: $name  $(query_of "$file")"
    fi
  done
  [ -z "$differs" ] || die "the offline query data differ from the code; run 'deploy/local.sh prepare' and commit .sqlx:$differs"
  say "The offline query data are those of the code."
}

query_of() { sed -n 's/^ *"query": "\(.*\)",$/\1/p' "$1" | sed 's/\\n/ /g; s/   */ /g' | cut -c 1-90; }
