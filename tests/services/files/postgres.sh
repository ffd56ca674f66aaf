#!/bin/sh
# As the well-known image does it: initialise an empty PGDATA, give it to postgres, run as postgres.
set -e
[ "$1" = postgres ] || exec "$@"
bin=/usr/lib/postgresql/$PG_MAJOR/bin
export PATH=$bin:$PATH
mkdir -p "$PGDATA" /run/postgresql
if [ "$(id -u)" = 0 ]; then
  chown -R postgres:postgres "$PGDATA" /run/postgresql
  chmod 700 "$PGDATA"
  exec /usr/bin/setpriv --reuid=999 --regid=999 --clear-groups /bin/sh "$0" "$@"
fi
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  initdb --no-sync -U postgres --auth=trust -D "$PGDATA" --locale=C.UTF-8 >/dev/null 2>&1 || initdb --no-sync -U postgres --auth=trust -D "$PGDATA"
  echo "host all all all trust" >> "$PGDATA/pg_hba.conf"
fi
shift
exec postgres -D "$PGDATA" -c unix_socket_directories=/run/postgresql -c dynamic_shared_memory_type=posix -c shared_buffers=16MB -c max_connections=20 -c jit=off "$@"
