#!/bin/sh
# A small application on SQLite: `add TEXT`, `has TEXT`, `upload NAME` (from standard input); serves its folder.
set -e
DB=${NOTES_DB:-/app/data/notes.db}
case "$1" in
  serve)
    mkdir -p "$(dirname "$DB")" /app/uploads
    [ "$(id -u)" != 0 ] || { chown -R notes:notes /app; exec /usr/bin/setpriv --reuid=1000 --regid=1000 --clear-groups /bin/sh "$0" "$@"; }
    sqlite3 "$DB" "create table if not exists notes (text)"
    touch /tmp/ready
    trap 'exit 0' TERM
    while :; do sleep 0.2; done ;;
  add) exec sqlite3 -cmd ".timeout 3000" "$DB" "insert into notes values ('$2')" ;;
  has) exec sqlite3 -cmd ".timeout 3000" "$DB" "select text from notes where text = '$2'" ;;
  upload) cat > "/app/uploads/$2" ;;
  *) exec "$@" ;;
esac
