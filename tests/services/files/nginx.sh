#!/bin/sh
set -e
[ "$1" = nginx ] || exec "$@"
mkdir -p /run /var/log/nginx /var/lib/nginx/body /usr/share/nginx/html
[ -e /usr/share/nginx/html/index.html ] || echo "welcome to nginx" > /usr/share/nginx/html/index.html
printf 'user www-data;\nerror_log stderr;\npid /run/nginx.pid;\nevents {}\nhttp { access_log off; server { listen 80; root /usr/share/nginx/html; } }\n' > /run/nginx.conf
exec nginx -c /run/nginx.conf -g 'daemon off;'
