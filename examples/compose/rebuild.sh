#!/bin/sh
# Fills a diverged server anew from the writer, while clients write: sh examples/compose/rebuild.sh db-a db-b
# What only the diverged server holds is gone after that: look at it first.
set -eu
diverged=$1
writer=$2

on() {
  docker compose exec -T "$1" sh -c "MYSQL_PWD=\$(cat /run/secrets/root_password) $2"
}

dump=$(mktemp)
paused=no
finish() {
  rm -f "$dump"
  test "$paused" = no || echo 'still paused: docker compose exec mmm-identify mmm-control resume' >&2
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
# While paused, nobody starts a link on half a copy.
docker compose exec -T mmm-identify mmm-control pause
paused=yes
on "$writer" 'mariadb-dump -uroot --single-transaction --gtid --master-data=2 --databases shop' >"$dump"
position=$(sed -n "s/.*SET GLOBAL gtid_slave_pos='\(.*\)'.*/\1/p" "$dump" | head -n 1)
test -n "$position"
{
  echo 'STOP ALL SLAVES; SET sql_log_bin = 0;'
  cat "$dump"
  # The copy is no history of its own: it has what the writer had.
  echo "SET GLOBAL gtid_slave_pos = '$position'; RESET MASTER; SET GLOBAL gtid_binlog_state = '$position';"
} | on "$diverged" 'mariadb -uroot'
# And the writer must not ask it for older transactions. A write of a client in between is an error: tried again.
begin_here() { on "$writer" 'mariadb -uroot -e "SET GLOBAL gtid_slave_pos = @@GLOBAL.gtid_binlog_pos"'; }
begin_here || begin_here || begin_here
docker compose exec -T mmm-identify mmm-control resume
paused=no
