#!/bin/bash
# The routine events on a stack as one would play them by hand: `docker compose`, wait until the database answers, one look (one psql) after
# each.  naive_drill.sh FILE: a Compose file whose service `db` is PostgreSQL.  COMPOSE: the command of Compose 2 (default: docker compose).
# One row is written once, and looked for after each event: it is the cheapest experiment, not the most careful one.
set -euo pipefail
compose="${COMPOSE:-docker compose} -f $1 -p naive-$$"
db=naive-$$-db-1
marker=n$RANDOM$RANDOM

tidy() { $compose down --volumes --timeout 3 >/dev/null 2>&1 || true; }
trap tidy EXIT

now() { date +%s.%N; }
sql() { docker exec "$db" psql -X -q -A -t -U postgres -c "$1"; }
look() { # EVENT
  local row
  until row=$(sql "select v from t where v = '$marker'" 2>/dev/null); do sleep 0.1; done
  [ "$row" = "$marker" ] || { echo "WRONG: $1: lost"; exit 1; }
  echo "$1 kept"
}
play() { # EVENT, then commands of Compose with / between them
  local event=$1 words=() word; shift
  for word in "$@" /; do
    if [ "$word" = / ]; then $compose "${words[@]}" >/dev/null 2>&1; words=(); else words+=("$word"); fi
  done
  look "$event"
}

$compose up -d >/dev/null 2>&1
until sql "create table t (v text)" >/dev/null 2>&1; do sleep 0.1; done
sql "insert into t values ('$marker')"
began=$(now)
play restart restart
play stop+start stop / up -d
play kill+start kill / up -d
play recreate up -d --force-recreate
play remove+run rm -sf / up -d
play down+up down / up -d
ended=$(now)
trap - EXIT
tidy
echo "played $began $ended"
