#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# prepare.sh DIR - what the real work of the benchmark works on, made anew in DIR:
#
#   cc/     20 small C files with a makefile
#   repo/   a git repository: 1,000 files in 100 directories, 30 commits
#   a/b/c/d/file
#   sqlite.sql, script.py
#
# Everything is the same each time: no dates, no random numbers.
set -eu
dir=$1
mkdir -p "$dir/cc" "$dir/repo" "$dir/home" "$dir/elsewhere" "$dir/a/b/c/d"
printf x >"$dir/a/b/c/d/file"

i=0
while [ $i -lt 20 ]; do
	cat >"$dir/cc/f$i.c" <<-EOF
		#include <errno.h>
		#include <stdio.h>
		#include <stdlib.h>
		#include <string.h>
		#include <sys/stat.h>
		#include <unistd.h>
		int f$i(const char *path);
		int f$i(const char *path)
		{
			struct stat st;
			if (stat(path, &st))
				return -errno;
			return printf("%s %ld\n", path, (long)st.st_size + $i);
		}
	EOF
	i=$((i + 1))
done
# shellcheck disable=SC2016  # for make, not for us
printf '%s\n' 'OBJ := $(wordlist 1,$(FILES),$(patsubst %.c,%.o,$(sort $(wildcard *.c))))' \
	'all: $(OBJ)' '%.o: %.c' '	@gcc -O1 -c -o $@ $<' >"$dir/cc/Makefile"

HOME=$dir/home
GIT_CONFIG_NOSYSTEM=1
GIT_AUTHOR_NAME=bench GIT_AUTHOR_EMAIL=bench@localhost
GIT_COMMITTER_NAME=bench GIT_COMMITTER_EMAIL=bench@localhost
export HOME GIT_CONFIG_NOSYSTEM GIT_AUTHOR_NAME GIT_AUTHOR_EMAIL GIT_COMMITTER_NAME GIT_COMMITTER_EMAIL
git config --global init.defaultBranch main
git config --global gc.auto 0
git config --global maintenance.auto false
cd "$dir/repo"
git init -q
i=0
while [ $i -lt 100 ]; do
	mkdir -p "a$((i / 10))/b$((i % 10))"
	j=0
	while [ $j -lt 10 ]; do
		echo "file $i $j" >"a$((i / 10))/b$((i % 10))/c$j"
		j=$((j + 1))
	done
	i=$((i + 1))
done
i=0
while [ $i -lt 30 ]; do
	echo "change $i" >>"a$((i % 10))/b$((i / 10))/c0"
	git add -A
	GIT_AUTHOR_DATE="$((1700000000 + i)) +0000" GIT_COMMITTER_DATE="$((1700000000 + i)) +0000" \
		git commit -q -m "commit $i"
	i=$((i + 1))
done
git pack-refs --all
git repack -adq

cat >"$dir/script.py" <<'EOF'
import json, os, re, subprocess
print(json.dumps({"files": sorted(os.listdir("."))}), bool(re.match("a", "abc")))
EOF

{
	echo 'PRAGMA journal_mode=DELETE; PRAGMA synchronous=OFF;'
	echo 'CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, value INTEGER);'
	i=0
	while [ $i -lt 300 ]; do
		echo "INSERT INTO t (name, value) VALUES ('name $i', $((i * 37)));"
		i=$((i + 1))
	done
} >"$dir/sqlite.sql"
