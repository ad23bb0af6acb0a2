# shellcheck shell=bash
# The private Redis of up. The tests start their own.

# Sets `redis_server`.
find_redis() {
  local place
  redis_server=$(command -v redis-server || true)
  for place in /usr/bin /usr/local/bin /opt/homebrew/bin; do
    [ -n "$redis_server" ] || [ ! -x "$place/redis-server" ] || redis_server="$place/redis-server"
  done
  [ -n "$redis_server" ]
}

redis_start() {
  local port
  find_redis
  if running redis; then return 0; fi
  choose_port redis
  redis_configure "$port"
  # Redis writes its address over its command line.
  detach redis "redis-server 127.0.0.1:$port" "$redis_server" "$state/redis/redis.conf"
  wait_until redis 60 redis_answers
}

# No eviction: a full Redis must say so instead of losing wakes quietly. Append-only, no snapshots: a restart has every
# wake but the last second's, which Postgres remembers.
redis_configure() {
  (umask 077 && cat >"$state/redis/redis.conf") <<SETTINGS
bind 127.0.0.1
port $1
requirepass $(secret redis)
dir "$state/redis"
appendonly yes
save ""
maxmemory-policy noeviction
SETTINGS
}

redis_answers() {
  [ "$(REDISCLI_AUTH=$(secret redis) "${redis_server%/*}/redis-cli" -h 127.0.0.1 -p "$(remembered_port redis)" ping 2>/dev/null)" = PONG ]
}

redis_url() { printf 'redis://:%s@127.0.0.1:%s/0' "$(secret redis)" "$(remembered_port redis)"; }
