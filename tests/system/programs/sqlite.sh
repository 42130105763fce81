# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# sqlite.sh - a database with four writers at once.
sqlite3 db 'pragma journal_mode=wal; create table t(w int, n int);'
for w in 1 2 3 4; do
	for n in $(seq 1 25); do echo ".timeout 20000"; echo "insert into t values($w, $n);"; done | sqlite3 db &
done
wait
sqlite3 db 'select w, count(*), sum(n) from t group by w; pragma integrity_check;'
sqlite3 db '.timeout 20000' 'begin immediate; update t set n = n + 1; commit; select sum(n) from t;'
sqlite3 db 'create index i on t(n); vacuum; select count(distinct n) from t; explain query plan select * from t where n = 5;'
sqlite3 db .dump | sort | md5sum
sqlite3 db 'select * from missing' 2>/dev/null; echo "error $?"
