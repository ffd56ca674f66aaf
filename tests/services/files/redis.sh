#!/bin/sh
set -e
[ "$1" = redis-server ] || exec "$@"
shift
cd /data
[ "$(id -u)" != 0 ] || { chown -R redis:redis /data; exec /usr/bin/setpriv --reuid=999 --regid=999 --clear-groups redis-server --dir /data --bind 0.0.0.0 --protected-mode no "$@"; }
exec redis-server --dir /data --bind 0.0.0.0 --protected-mode no "$@"
