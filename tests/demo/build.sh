#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# build.sh - the work of the demonstration: clone, configure, make, test.
#
#   build.sh DIR      with DIR/origin.git; builds in DIR/work
set -eu
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 LC_ALL=C
git clone -q "$1/origin.git" "$1/work"
cd "$1/work"
./configure
make -s -j2
make -s check
