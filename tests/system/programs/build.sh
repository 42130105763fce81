# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# build.sh - a generated project of a dozen files, built with make -j4, tested, built again for nothing.
for i in $(seq 1 12); do
	printf '#include <stdio.h>\n#include "all.h"\nint f%d(int x) { return x * %d + (x > 3 ? f%d(x / 2) : 0); }\n' \
		"$i" "$i" "$((i % 12 + 1))" >"f$i.c"
	echo "int f$i(int);" >>all.h
done
{
	echo '#include <stdio.h>'; echo '#include "all.h"'; echo 'int main(void) { int s = 0;'
	for i in $(seq 1 12); do echo "s += f$i($i + 90);"; done
	# shellcheck disable=SC2028 # the escape is C's
	echo 'printf("sum %d\n", s); return s & 127; }'
} >main.c
cat >Makefile <<'M'
OBJ := $(patsubst %.c,%.o,$(sort $(wildcard *.c)))
prog: libf.a main.o
	@gcc -o $@ main.o libf.a
libf.a: $(filter-out main.o,$(OBJ))
	@rm -f $@; ar rcsD $@ $^
%.o: %.c all.h
	@gcc -O1 -c -o $@ $<
M
make -j4; echo "make $?"
./prog; echo "status $?"
make -j4
touch f3.c; make -j4 -n
sha256sum ./*.o libf.a prog
echo 'int broken(' >broken.c; make 2>&1 | grep -c error; echo "${PIPESTATUS[0]}"
gcc -E all.h | md5sum; gcc -S -o - f1.c | md5sum; gcc -o t main.c f*.c && cmp <(./t) <(./prog) && nm prog | grep -c ' T f'
