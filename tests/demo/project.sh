#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# project.sh - make the git repository that the demonstration builds.
#
#   project.sh DIR
#
# DIR/origin.git gets one commit with 24 modules, a configure script, a
# Makefile, a tool and six test programs. Author, date and contents are fixed,
# so the repository is the same everywhere. The tool and the tests make files
# with creat(2), by absolute path.
set -eu

modules=24
tests=6
src=$1/project.src
mkdir -p "$src/src" "$src/include" "$src/tools" "$src/tests"

module() {
	cat <<-EOF
	#include <stdio.h>
	#include <string.h>
	#include <project.h>

	static unsigned table[256];

	static void fill(void)
	{
		for (unsigned i = 0; i < 256; i++) {
			unsigned v = i * $1u + 0x9e3779b9u;

			for (int bit = 0; bit < 8; bit++)
				v = v & 1 ? (v >> 1) ^ 0xedb88320u : v >> 1;
			table[i] = v;
		}
	}

	unsigned module_$1(const char *text)
	{
		unsigned sum = $1;

		if (!table[1])
			fill();
		for (size_t i = 0, n = strlen(text); i < n; i++)
			sum = table[(sum ^ (unsigned char)text[i]) & 255] ^ (sum >> 8);
		return sum;
	}

	int module_$1_name(char *buf, size_t len)
	{
		return snprintf(buf, len, "module $1 of %s", PROJECT_VERSION);
	}
	EOF
}

header() {
	printf '#ifndef PROJECT_H\n#define PROJECT_H\n#include <stddef.h>\n#include <version.h>\n'
	for i in $(seq $modules); do
		printf 'unsigned module_%s(const char *text);\n' "$i"
		printf 'int module_%s_name(char *buf, size_t len);\n' "$i"
	done
	printf '#endif\n'
}

# Test N checks modules N, N+6, N+12 and N+18 and logs to the file it is given.
test_program() {
	cat <<-EOF
	#include <fcntl.h>
	#include <stdio.h>
	#include <string.h>
	#include <unistd.h>
	#include <project.h>

	int main(int argc, char **argv)
	{
		char text[128];
		int failed = 0, fd = argc > 1 ? creat(argv[1], 0644) : -1;

		if (fd < 0)
			return 1;
	EOF
	for i in $1 $(($1 + 6)) $(($1 + 12)) $(($1 + 18)); do
		printf '\tfailed += module_%s("a") == module_%s("b");\n' "$i" "$i"
		printf '\tmodule_%s_name(text, sizeof(text));\n' "$i"
		printf '\tfailed += !strstr(text, "module %s of ");\n' "$i"
		printf '\tdprintf(fd, "%%s: %%08x\\n", text, module_%s(text));\n' "$i"
	done
	printf '\treturn close(fd) || failed;\n}\n'
}

for i in $(seq $modules); do module "$i" > "$src/src/module_$i.c"; done
for i in $(seq $tests); do test_program "$i" > "$src/tests/test_$i.c"; done
header > "$src/include/project.h"

cat > "$src/tools/stamp.c" <<'EOF'
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	int fd = argc == 3 ? creat(argv[1], 0644) : -1;

	if (fd < 0)
		return 1;
	dprintf(fd, "#define PROJECT_VERSION \"%s\"\n", argv[2]);
	return close(fd);
}
EOF

cat > "$src/configure" <<'EOF'
#!/bin/sh
# The ways of a generated configure script, in small: try things, write a file.
set -eu
top=$PWD
mkdir -p build
try() {
	printf 'checking for %s... ' "$1"
	printf '#include <%s>\nint main(void) { return 0; }\n' "$1" > build/conftest.c
	if ${CC:-gcc} -c -o build/conftest.o build/conftest.c 2>/dev/null; then
		echo yes
	else
		echo no
	fi
	rm -f build/conftest.c build/conftest.o
}
for header in stdio.h string.h fcntl.h unistd.h no-such-header.h; do try $header; done
{
	echo "TOP = $top"
	echo "VERSION = $(git rev-parse --short=12 HEAD)"
	echo "CC = ${CC:-gcc}"
} > config.mk
EOF
chmod 755 "$src/configure"

cat > "$src/Makefile" <<'EOF'
include config.mk
CFLAGS = -O1 -Wall -I$(TOP)/include -ffile-prefix-map=$(TOP)=.
OBJS   = $(patsubst src/%.c,build/%.o,$(sort $(wildcard src/*.c)))
TESTS  = $(patsubst tests/%.c,build/%,$(sort $(wildcard tests/*.c)))

all: build/libproject.a $(TESTS)

build/stamp: tools/stamp.c
	$(CC) -O1 -o $@ $<
include/version.h: build/stamp config.mk
	$(TOP)/build/stamp $(TOP)/include/version.h $(VERSION)
build/%.o: src/%.c include/version.h
	$(CC) $(CFLAGS) -c -o $@ $<
build/libproject.a: $(OBJS)
	ar rcD $@ $(OBJS)
build/test_%: tests/test_%.c build/libproject.a
	$(CC) $(CFLAGS) -o $@ $< build/libproject.a
check: $(TESTS)
	@for t in $(notdir $(TESTS)); do \
	  $(TOP)/build/$$t $(TOP)/build/$$t.log && echo "PASS $$t" || exit 1; done
.PHONY: all check
EOF

cd "$src"
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1
export GIT_AUTHOR_NAME=demo GIT_AUTHOR_EMAIL=demo@example.org GIT_AUTHOR_DATE='2024-01-01T00:00:00Z'
export GIT_COMMITTER_NAME=demo GIT_COMMITTER_EMAIL=demo@example.org
export GIT_COMMITTER_DATE='2024-01-01T00:00:00Z'
git init -q -b main .
git add .
git commit -q -m 'project: 24 modules and their tests'
git clone -q --bare . ../origin.git
cd ..
rm -rf project.src
