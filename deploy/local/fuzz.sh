# shellcheck shell=bash
# What reads bytes from outside, with the bytes of a fuzzer that sees which branches they take (libFuzzer). No servers are needed.

# As `cargo fuzz` sets them; the plain compiler takes them too.
fuzz_flags="--cfg fuzzing -Ccodegen-units=1 -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4
  -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table
  -Cllvm-args=-sanitizer-coverage-trace-compares"

run_fuzz() {
  local seconds=60 targets="" name
  while [ $# -gt 0 ]; do
    case "$1" in
      --seconds)
        seconds=${2:-}
        [ $# -gt 1 ] || usage_error "--seconds needs a number"
        shift
        ;;
      --seconds=*) seconds=${1#*=} ;;
      *)
        [ -e "$root/tests/fuzz/targets/$1.rs" ] || usage_error "there is no target '$1'; there are $(fuzz_targets | tr '\n' ' ')"
        targets="$targets $1"
        ;;
    esac
    case "$seconds" in "" | 0* | *[!0-9]* | ??????*) usage_error "--seconds needs a number, not '$seconds'" ;; esac
    shift
  done
  check_tools
  command -v c++ >/dev/null || die "missing: a C++ compiler (c++). Debian, Ubuntu:  apt-get install g++     macOS:  xcode-select --install"
  make_state
  take_lock fuzz
  at_exit="fuzz_leave $at_exit"
  fuzz_build
  for name in ${targets:-$(fuzz_targets)}; do fuzz_target "$name" "$seconds"; done
}

fuzz_leave() { release_lock fuzz; }

fuzz_targets() {
  local file
  for file in "$root"/tests/fuzz/targets/*.rs; do
    file=${file##*/}
    printf '%s\n' "${file%.rs}"
  done
}

fuzz_build() {
  fuzz_host=$(rustc -vV | sed -n 's/^host: //p')
  first_build_takes "$target/fuzz/$fuzz_host/release/pass"
  # With --target the flags are not those of build scripts and macros.
  SQLX_OFFLINE=true RUSTFLAGS="$fuzz_flags" CARGO_TARGET_DIR="$target/fuzz" \
    run_group cargo build --release --locked --target "$fuzz_host" --manifest-path "$root/tests/fuzz/Cargo.toml" || die "the build failed"
}

# What it has found before is where it goes on; an input that fails stays beside it.
fuzz_target() {
  local name=$1 program="$target/fuzz/$fuzz_host/release/$1" found="$state/fuzz/$1"
  mkdir -p "$found/corpus" "$found/seeds"
  fuzz_seeds "$found/seeds"
  say "Fuzzing $name for $2 s …"
  if ! run_group "$program" -max_total_time="$2" -max_len=16384 -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 -verbosity=0 \
    -dict="$root/tests/fuzz/words.dict" -artifact_prefix="$found/" "$found/corpus" "$found/seeds"; then
    die "$name fails; the input is in $found. Once more:  $program $found/<the file>"
  fi
}

# The fixtures, with a last byte that says how they are to be read.
fuzz_seeds() {
  local file
  for file in "$root"/tests/fixtures/moodle/cases/*.csv; do
    { head -c 8000 "$file" && printf '\0'; } >"$1/${file##*/}"
  done
}
