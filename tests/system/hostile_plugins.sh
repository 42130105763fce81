# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# hostile_plugins.sh - plugins that must not become layers: each is built here,
# broken in one place, and refused with one line that names the file and what is
# wrong with it, and status 125; the program does not start. A daemon that has
# refused them all is as it was before.
SUITE=hostile_plugins
# shellcheck source=tests/lib.sh
. tests/lib.sh
lib_begin

CC=${CC:-cc}
MODE=            # how vmmctl gets its daemon, for the names of the tests
DIR=$WORK/plugins
umask 022

# build NAME C-TEXT…: a plugin whose table is good but for what the text says.
# FIELDS are initializers behind the good ones (later ones count), BEFORE comes before the table.
build() {
	local name=$1 fields=$2 before=${3:-} entry=${4:-'return &table;'}
	cat >"$WORK/$name.c" <<-END
		#include <errno.h>
		#include <stdlib.h>
		#include <unistd.h>
		#include <vmmd/plugin.h>
		static int good_open(const struct vmmd_host *host, struct vmmd_layer *layer, void **self)
		{
			(void)host, (void)layer;
			*self = malloc(1);
			return 0;
		}
		static void good_close(void *self) { free(self); }
		$before
		static const struct vmmd_plugin table = {
			.magic = VMMD_PLUGIN_MAGIC, .abi_major = VMMD_ABI_MAJOR, .abi_minor = VMMD_ABI_MINOR,
			.size = sizeof(table), .name = "$name", .version = "1", .summary = "a test",
			.open = good_open, .close = good_close, $fields
		};
		const struct vmmd_plugin *vmmd_plugin(void) { $entry }
	END
	# shellcheck disable=SC2086 # CC may have arguments
	if ! $CC -std=gnu11 -D_GNU_SOURCE -Wall -Wno-override-init -Wno-initializer-overrides -Wno-unknown-warning-option \
		-Ivmmd/sdk -shared -fPIC -o "$DIR/$name.so" "$WORK/$name.c" >"$WORK/cc.log" 2>&1; then
		not_ok "$MODE$name" "does not build: $(cat "$WORK/cc.log")"
		return 1
	fi
	chmod 644 "$DIR/$name.so"
}

# refused NAME FILE REGEX [OPTIONS [LINES]]: the run ends as a refused one does.
refused() {
	local name=$1 file=$2 regex=$3 options=${4:-} want=${5:-1} out status lines
	rm -f "$WORK/ran"
	out=$(timeout 20 "$VMMCTL" run -l "$file$options" -- touch "$WORK/ran" 2>&1 </dev/null)
	status=$?
	lines=$(grep -c '' <<<"$out")
	if [ "$status" -ne 125 ]; then
		not_ok "$MODE$name" "status $status, not 125; it says <$out>"
	elif [ -e "$WORK/ran" ]; then
		not_ok "$MODE$name" "the program ran"
	elif [ "$lines" -ne "$want" ]; then
		not_ok "$MODE$name" "$lines lines: $out"
	elif ! [[ $out =~ $regex ]]; then
		not_ok "$MODE$name" "no match for <$regex> in <$out>"
	elif [[ $out != *"$(basename "$file" .so)"* ]]; then
		not_ok "$MODE$name" "the file is not named: $out"
	else
		ok "$MODE$name"
	fi
}

# A good one, so that what follows fails for the right reason.
accepted() {
	local out
	out=$(timeout 20 "$VMMCTL" run -l "$DIR/good.so" -- echo it ran 2>&1 </dev/null)
	check_eq "$MODE$1" "0 it ran" "$? $out"
}

OPTIONS_TWICE='static const struct vmmd_option options[] = {
	{ .name = "same", .type = VMMD_OPT_BOOL, .help = "a" }, { .name = "same", .type = VMMD_OPT_INT, .help = "b" }, { .name = 0 } };'
OPTION_NAME='static const struct vmmd_option options[] = { { .name = "Not Good", .help = "a" }, { .name = 0 } };'
OPTION_TYPE='static const struct vmmd_option options[] = { { .name = "o", .type = 77, .help = "a" }, { .name = 0 } };'
OPTION_CHOICES='static const struct vmmd_option options[] = { { .name = "o", .type = VMMD_OPT_CHOICE, .help = "a" }, { .name = 0 } };'
OPTION_DEFAULT='static const struct vmmd_option options[] = { { .name = "o", .type = VMMD_OPT_INT, .help = "a", .def = "many" }, { .name = 0 } };'
OPTION_GOOD='static const struct vmmd_option options[] = { { .name = "count", .type = VMMD_OPT_INT, .help = "a", .max = 9 }, { .name = 0 } };'

tables() {
	build magic '.magic = 0x12345678,' && refused magic "$DIR/magic.so" 'magic is 0x12345678.*0x564d4d44'
	build newer-minor '.abi_minor = VMMD_ABI_MINOR + 1,' && refused newer-minor "$DIR/newer-minor.so" 'abi_minor is [0-9]+.*newer vmmd'
	build other-major '.abi_major = VMMD_ABI_MAJOR + 1,' && refused other-major "$DIR/other-major.so" 'abi_major is [0-9]+'
	build major-zero '.abi_major = 0,' && refused major-zero "$DIR/major-zero.so" 'abi_major is 0'
	build small-table '.size = 16,' && refused small-table "$DIR/small-table.so" 'size is 16'
	build size-zero '.size = 0,' && refused size-zero "$DIR/size-zero.so" 'size is 0'
	build flags '.flags = 0x80,' && refused flags "$DIR/flags.so" 'flags is 0x80'
	build null-name '.name = 0,' && refused null-name "$DIR/null-name.so" 'name is NULL'
	build empty-name '.name = "",' && refused empty-name "$DIR/empty-name.so" 'name "" is not'
	build bad-name '.name = "Bad/Name\n",' && refused bad-name "$DIR/bad-name.so" 'name "Bad/Name'
	build long-name '.name = "abcdefghijklmnopqrstuvwxyz-0123456789",' && refused long-name "$DIR/long-name.so" 'name "abcdefgh'
	build null-version '.version = 0,' && refused null-version "$DIR/null-version.so" 'version is NULL'
	build null-summary '.summary = 0,' && refused null-summary "$DIR/null-summary.so" 'summary is NULL'
	build null-open '.open = 0,' && refused null-open "$DIR/null-open.so" 'open is NULL'
	build null-table '' '' 'return (void)table, NULL;' && refused null-table "$DIR/null-table.so" 'vmmd_plugin\(\) returns NULL'
}

options() {
	build options-twice '.options = options,' "$OPTIONS_TWICE" && refused options-twice "$DIR/options-twice.so" 'option same is there twice'
	build option-name '.options = options,' "$OPTION_NAME" && refused option-name "$DIR/option-name.so" 'option name "Not Good"'
	build option-type '.options = options,' "$OPTION_TYPE" && refused option-type "$DIR/option-type.so" 'option o: type is 77'
	build option-choices '.options = options,' "$OPTION_CHOICES" && refused option-choices "$DIR/option-choices.so" 'option o: choices is empty'
	build option-default '.options = options,' "$OPTION_DEFAULT" && refused option-default "$DIR/option-default.so" 'option o of layer .*"many"; expected a decimal'
	build option-good '.options = options,' "$OPTION_GOOD" || return
	refused option-unknown "$DIR/option-good.so" 'no option "coumt"; did you mean "count"' ,coumt=1
	refused option-range "$DIR/option-good.so" 'expected 0 to 9' ,count=10
	refused option-given-twice "$DIR/option-good.so" 'option count twice' ,count=1,count=1
}

# Code of the plugin that does harm before it is a layer: it costs its session, with a line.
behaviour() {
	build open-fails '.open = bad_open,' 'static int bad_open(const struct vmmd_host *h, struct vmmd_layer *l, void **s)
		{ (void)s; h->log(l, VMMD_LOG_ERROR, "the moon is full"); return -EBADSLT; }' &&
		refused open-fails "$DIR/open-fails.so" 'the moon is full.*layer open-fails does not open' '' 2
	build open-silent '.open = bad_open,' 'static int bad_open(const struct vmmd_host *h, struct vmmd_layer *l, void **s)
		{ (void)h, (void)l, (void)s; return -EBADSLT; }' &&
		refused open-silent "$DIR/open-silent.so" 'open|Invalid slot'
	build open-wants '.open = bad_open,' 'static int bad_open(const struct vmmd_host *h, struct vmmd_layer *l, void **s)
		{ (void)s; return h->want(l, 100000, VMMD_WANT_ENTRY); }' &&
		refused open-wants "$DIR/open-wants.so" 'open|Invalid argument'
	build open-exits '.open = bad_open,' 'static int bad_open(const struct vmmd_host *h, struct vmmd_layer *l, void **s)
		{ (void)h, (void)l, (void)s; _exit(0); }' &&
		died open-exits "$DIR/open-exits.so"
	build open-crashes '.open = bad_open,' 'static int bad_open(const struct vmmd_host *h, struct vmmd_layer *l, void **s)
		{ (void)h, (void)l, (void)s; abort(); }' &&
		died open-crashes "$DIR/open-crashes.so"
	build constructor-crashes '' '__attribute__((constructor)) static void bad(void) { abort(); }' &&
		died constructor-crashes "$DIR/constructor-crashes.so"
	build table-crashes '' '' 'return *(const struct vmmd_plugin *const volatile *)(size_t)(table.size - table.size);' &&
		died table-crashes "$DIR/table-crashes.so"
}

# The worker is gone: the client cannot know why, but it knows that.
died() {
	local out status
	rm -f "$WORK/ran"
	out=$(timeout 20 "$VMMCTL" run -l "$2" -- touch "$WORK/ran" 2>"$WORK/err" </dev/null)
	status=$?
	if [ "$status" -ne 125 ] || [ -e "$WORK/ran" ] || [ -n "$out" ] || ! grep -q '^vmmctl: ' "$WORK/err"; then
		not_ok "$MODE$1" "status $status, ran: $(ls "$WORK/ran" 2>&1), it says <$out$(cat "$WORK/err")>"
	else
		ok "$MODE$1"
	fi
}

files() {
	local big
	build good '' || return
	cat >"$WORK/none.c" <<<'int nothing_here;'
	# shellcheck disable=SC2086
	$CC -shared -fPIC -o "$DIR/no-symbol.so" "$WORK/none.c" && refused no-symbol "$DIR/no-symbol.so" 'no vmmd_plugin'
	# shellcheck disable=SC2016
	echo 'int gone(void); const void *vmmd_plugin(void); const void *vmmd_plugin(void) { return (const void *)(long)gone(); }' >"$WORK/undefined.c"
	# shellcheck disable=SC2086
	$CC -shared -fPIC -o "$DIR/undefined.so" "$WORK/undefined.c" && refused undefined-symbol "$DIR/undefined.so" 'undefined symbol: gone'
	big=$(stat -c %s "$DIR/good.so")
	for size in 0 1 63 64 200 $((big / 2)); do
		head -c "$size" "$DIR/good.so" >"$DIR/cut-$size.so"
		refused "truncated-$size" "$DIR/cut-$size.so" '(cannot be loaded|is cut off|ELF)'
	done
	# Longer than the header of an ELF file, so that it is looked at.
	yes 'this is a text, not a plugin' | head -n 100 >"$DIR/text.so"
	refused text-file "$DIR/text.so" 'ELF'
	printf '\177ELF\1\1\1' | cat - /dev/zero | head -c 4096 >"$DIR/elf32.so"
	refused wrong-class "$DIR/elf32.so" '(cannot be loaded|ELF)'
	refused missing "$DIR/not-there.so" 'No such file'
	mkdir "$DIR/dir.so"
	refused directory "$DIR/dir.so" 'not a regular file'
	mkfifo "$DIR/fifo.so"
	refused fifo "$DIR/fifo.so" 'not a regular file'
	refused device /dev/null 'not a regular file'
	refused endless-device /dev/zero 'not a regular file'
	ln -s loop-b.so "$DIR/loop-a.so"
	ln -s loop-a.so "$DIR/loop-b.so"
	refused symlink-loop "$DIR/loop-a.so" 'Too many levels of symbolic links'
	ln -s gone.so "$DIR/dangling.so"
	refused dangling-symlink "$DIR/dangling.so" 'No such file'
	refused "long-path" "/$(printf 'x%.0s' {1..300})/xxx.so" 'File name too long'
}

modes() {
	cp "$DIR/good.so" "$DIR/world.so"
	chmod 646 "$DIR/world.so"
	refused world-writable-file "$DIR/world.so" 'file is writable by .*0646.*chmod go-w'
	chmod 664 "$DIR/world.so"
	refused group-writable-file "$DIR/world.so" 'file is writable by .*0664'
	mkdir -p "$WORK/open"
	cp "$DIR/good.so" "$WORK/open/good.so"
	chmod 757 "$WORK/open"
	refused world-writable-directory "$WORK/open/good.so" 'directory is writable by .*0757'
	chmod 775 "$WORK/open"
	refused group-writable-directory "$WORK/open/good.so" 'directory is writable by .*0775'
	ln -sf "$WORK/open/good.so" "$DIR/link.so"
	refused link-into-open-directory "$DIR/link.so" 'directory is writable by '
	chmod 000 "$WORK/open/good.so"
	chmod 755 "$WORK/open"
	if [ "$(id -u)" -eq 0 ]; then
		cp "$DIR/good.so" "$DIR/foreign.so"
		chown 12345 "$DIR/foreign.so"
		refused foreign-owner "$DIR/foreign.so" 'belongs to user 12345'
	else
		refused unreadable "$WORK/open/good.so" 'Permission denied'
	fi
}

specs() {
	refused unknown-name nosuchlayer 'no layer "nosuchlayer"'
	refused name-with-capitals Null '"Null" is no name of a layer'
	refused relative-path "./nowhere/nosuch.so" 'No such file'
}

all() {
	rm -rf "$DIR" "$WORK/open"
	mkdir "$DIR"
	files
	tables
	options
	behaviour
	modes
	specs
	accepted good-one-after-all
}

# shellcheck disable=SC2317 # called by until_true
none_private() { ! ls "$XDG_RUNTIME_DIR"/vmmd/private-*.sock 2>/dev/null; }
# shellcheck disable=SC2317
no_workers() { [ -z "$(cat "/proc/$daemon/task/$daemon/children")" ]; }

descriptors() { find "/proc/$daemon/fd" -type l | wc -l; }

# -- each run has a daemon of its own
MODE=
all
check no-daemon-left until_true 10 none_private

# -- one daemon for all of them
MODE=service-
export VMMD_SOCKET=$WORK/service.sock
"$VMMD" --socket "$VMMD_SOCKET" 2>"$WORK/vmmd.log" &
daemon=$!
until_true 10 test -S "$VMMD_SOCKET"
accepted good-one-before
until_true 10 no_workers
before=$(descriptors)
all
check service-workers-gone until_true 10 no_workers
check_eq service-descriptors "$before" "$(descriptors)"
check service-alive kill -0 "$daemon"
kill -TERM "$daemon"
wait "$daemon"
check_eq service-end 0 $?
finish
