#!/bin/sh
set -e
[ "$1" = rabbitmq-server ] || exec "$@"
mkdir -p /var/lib/rabbitmq /var/log/rabbitmq
if [ "$(id -u)" = 0 ]; then
  grep -qw "$(hostname)" /etc/hosts || echo "127.0.0.1 $(hostname)" >> /etc/hosts
  chown -R rabbitmq:rabbitmq /var/lib/rabbitmq /var/log/rabbitmq
  exec /usr/bin/setpriv --reuid=999 --regid=999 --clear-groups /bin/sh "$0" "$@"
fi
export HOME=/var/lib/rabbitmq RABBITMQ_MNESIA_BASE=/var/lib/rabbitmq/mnesia RABBITMQ_LOG_BASE=/var/log/rabbitmq
exec /usr/lib/rabbitmq/bin/rabbitmq-server
