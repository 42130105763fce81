# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# git.sh - a repository from init to clone, with fixed dates so that every hash is the same.
export GIT_AUTHOR_DATE='2001-02-03T04:05:06Z' GIT_COMMITTER_DATE='2001-02-03T04:05:06Z'
export GIT_AUTHOR_NAME=A GIT_AUTHOR_EMAIL=a@example.org GIT_COMMITTER_NAME=C GIT_COMMITTER_EMAIL=c@example.org
export GIT_CONFIG_NOSYSTEM=1 HOME=$PWD GIT_PAGER=cat
git config --global init.defaultBranch main
git config --global gc.auto 0
git config --global protocol.file.allow always
git init one; cd one || exit
for i in $(seq 1 20); do mkdir -p "d$((i % 4))"; seq "$i" "$((i * 20))" >"d$((i % 4))/f$i"; done
git add .; git commit -qm 'first'
echo more >>d1/f1; git mv d2/f2 d2/renamed; git rm -q d3/f3
git status --short; git diff --stat
git commit -qam 'second'
git checkout -qb side; echo side >side; git add side; git commit -qm 'on the side'
git checkout -q main; echo main >main; git add main; git commit -qm 'on main'
git merge -qm 'merge' side; git log --oneline --graph --stat | cat
git tag -am 'tagged' v1
git grep -c 5 | head -n 3
git blame -s d1/f1 | tail -n 2
git repack -adq; git gc -q; git fsck --full
cd ..; git clone -q one two; cd two || exit
git log --format='%H %an %s'; git status
git bundle create -q ../b --all; git bundle verify -q ../b; echo "bundle $?"
git archive HEAD | md5sum
git rev-parse HEAD v1
git cat-file -p HEAD:d1/f1 | md5sum
