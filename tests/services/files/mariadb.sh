#!/bin/sh
set -e
[ "$1" = mariadbd ] || exec "$@"
shift
mkdir -p /var/lib/mysql /run/mysqld
chown -R mysql:mysql /var/lib/mysql /run/mysqld
if [ ! -d /var/lib/mysql/mysql ]; then
  mkdir -p /tmp/boot
  { printf "create database mysql;\nuse mysql;\n"; cat /usr/share/mysql/mysql_system_tables.sql /usr/share/mysql/mysql_performance_tables.sql /usr/share/mysql/mysql_system_tables_data.sql 2>/dev/null; } > /tmp/boot/init.sql
  mariadbd --no-defaults --user=mysql --datadir=/var/lib/mysql --bootstrap --skip-log-bin --log-warnings=0 < /tmp/boot/init.sql
fi
exec mariadbd --no-defaults --user=mysql --datadir=/var/lib/mysql --socket=/run/mysqld/mysqld.sock --skip-grant-tables --innodb-buffer-pool-size=16M --bind-address=0.0.0.0 --skip-networking=0 "$@"
