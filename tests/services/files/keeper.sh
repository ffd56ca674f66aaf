#!/bin/sh
# A small store in the manner of a database server: it makes an empty folder its own, and does not start on one that it may not use.
# `keeper add TEXT`, `keeper list`; its folder is $KEEPER_DATA, its user 999 unless the container has another.
set -e
case "$1" in
  serve)
    if [ "$(id -u)" = 0 ]; then
      mkdir -p "$KEEPER_DATA"
      chown -R 999:999 "$KEEPER_DATA"
      chmod 700 "$KEEPER_DATA"
      exec su -s /bin/sh keeper -c 'exec /bin/keeper serve'
    fi
    mkdir -p "$KEEPER_DATA"
    [ -e "$KEEPER_DATA/VERSION" ] || { echo "keeper 1" > "$KEEPER_DATA/VERSION"; : > "$KEEPER_DATA/rows"; }
    grep -q keeper "$KEEPER_DATA/VERSION" || { echo "keeper: may not read $KEEPER_DATA" >&2; exit 1; }
    trap 'exit 0' TERM
    sleep 86400 &
    wait $! ;;
  add) echo "$2" >> "$KEEPER_DATA/rows" ;;
  list) cat "$KEEPER_DATA/rows" ;;
  *) exec "$@" ;;
esac
