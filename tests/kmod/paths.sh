# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# paths.sh - in the test machine: layers that have something to say below some
# directories only. For other paths no task stops, and nobody can tell.
#
# Sourced by inside, after lib.sh. Layers that want calls of every path stand
# for a daemon that does not use the module's table of paths.
: "${ENGINE:?}" "${KMOD_SLOW:?}" "${run:?}" # of inside
P=$WORK/paths
VM=$P/vm REAL=$P/deep/real
remap=remap,map=$VM=$REAL
everywhere=null,syscalls=@path

mkdir -p "$REAL/sub" "$P/else"
echo real >"$REAL/file"
echo above-vm >"$P/which"
echo above-real >"$P/deep/which"
echo other >"$P/else/file"
ln -s "$REAL/file" "$REAL/link"

# ---- what a program sees: by names, from directories, by descriptors, across the edges
cat >"$P/see.py" <<'END'
import os, socket, sys
vm, real, other = sys.argv[1:4]
top = os.path.dirname(vm)
n = 0
def show(what, f):
    global n
    n += 1
    try:
        got = f()
    except OSError as e:
        got = "errno %d" % e.errno
    print(("%d %s: %s" % (n, what, got)).replace(real, "REAL").replace(vm, "VM").replace(top, "TOP"), flush=True)
def text(path, dir=None):
    fd = os.open(path, os.O_RDONLY, dir_fd=dir)
    try:
        return os.read(fd, 100).decode().strip()
    finally:
        os.close(fd)
def all(where, dir=None):
    for p in ("file", "./file", "../file", "../which", "../../which", "../vm/file", "../../vm/file", "../else/file",
              "../../else/file", "sub/../file", "../deep/real/file", "link", "none", ""):
        show(where + " " + p, lambda: text(p, dir))
for p in (vm + "/file", real + "/file", other + "/file", vm + "/../which", other + "/../vm/file", vm + "/sub/../../which",
          vm + "/sub/../file", top + "/else/../vm/../which", real + "/../which", vm, vm + "/", vm + "x/file", "//" + vm + "//file"):
    show(p, lambda: text(p))
for d in (vm, vm + "/sub", real, real + "/sub", other, top, "/"):
    fd = os.open(d, os.O_RDONLY | os.O_DIRECTORY)
    path = os.open(d, os.O_PATH)
    all("at " + d, fd)
    all("at path " + d, path)
    show("link", lambda: os.readlink("/proc/self/fd/%d" % path))
    show("empty", lambda: os.stat(fd).st_ino == os.stat(d).st_ino)
    os.fchdir(fd)
    all("from " + d)
    show("cwd", os.getcwd)
    show("link", lambda: os.readlink("/proc/self/cwd"))
    show("chdir ..", lambda: os.chdir("..") or os.getcwd())
    os.chdir(d)
    show("chdir", lambda: os.getcwd())
    os.close(fd), os.close(path)
os.chdir(other)
show("rename in", lambda: os.rename("file", vm + "/moved"))
show("moved", lambda: sorted(os.listdir(real)))
show("rename out", lambda: os.rename("../vm/moved", "file"))
show("link", lambda: os.link("file", vm + "/hard") or os.stat("file").st_nlink)
show("unlink", lambda: os.unlink(vm + "/hard") or os.stat("file").st_nlink)
show("symlink", lambda: os.symlink("x", vm + "/soft") or os.readlink(real + "/soft"))
show("unlink", lambda: os.unlink("../vm/soft"))
r, w = os.pipe()
f = os.open(vm + "/file", os.O_RDONLY)
e = os.open("file", os.O_RDONLY)
s = socket.socket(socket.AF_UNIX)
show("fstat", lambda: [os.fstat(x).st_size for x in (f, e)] + [os.fstat(x).st_mode >> 12 for x in (r, s.fileno())])
show("touch", lambda: [os.utime(x, (5, 6)) for x in (f, e)])
show("times", lambda: [os.stat(x).st_mtime for x in (real + "/file", "file")])
show("below a pipe", lambda: text("file", r))
show("below nothing", lambda: text("file", 999))
gone = os.open("gone", os.O_RDWR | os.O_CREAT)
os.unlink("gone")
show("gone", lambda: os.fstat(gone).st_nlink)
show("bind", lambda: s.bind(vm + "/sock") or os.stat(real + "/sock").st_mode >> 12)
os.unlink(vm + "/sock")
show("exec", lambda: os.spawnv(os.P_WAIT, "/bin/../bin/true", ["true"]))
END
see() { "$VMMCTL" run --private "$@" -- python3 -I -S "$P/see.py" "$VM" "$REAL" "$P/else"; }
same_everywhere() {
	see -e ptrace -l "$remap" >"$P/want" && see -e "$ENGINE" -l "$remap" >"$P/table" &&
		see -e "$ENGINE" -l "$remap" -l "$everywhere" >"$P/all" || return
	diff "$P/want" "$P/table" && diff "$P/want" "$P/all"
}
check paths/as-without same_everywhere
check_match paths/sees-the-map '1 VM/file: real .*from VM/sub \.\./\.\./which: above-vm ' "$(tr '\n' ' ' <"$P/table")"

# ---- what stops: nothing for files elsewhere
cat >"$P/elsewhere.pl" <<'END'
my ($vm, $other, $n) = @ARGV;
chdir $other or die;
opendir my $dir, "." or die;
my ($fd, $name) = (fileno $dir, "file");
for (1 .. $n) {
	open my $f, "<", "$other/file" or die;
	open my $g, "<", "../else/file" or die;
	-e $f && -e "/etc/passwd" or die;
	my $h = syscall 257, $fd, $name, 0;
	$h >= 0 && open my $i, "<&=", $h or die;
	rename "$other/file", "new" and rename "new", "file" or die;
	readlink "/etc/mtab";
}
open my $f, "<", "$vm/file" or die unless $vm eq "";
END
# stops VM N LAYER…: of that program, which also opens a file below VM.
stops() {
	local vm=$1 n=$2 layers=() l
	shift 2
	for l; do layers+=(-l "$l"); done
	"${run[@]}" --summary "${layers[@]}" -- perl "$P/elsewhere.pl" "$vm" "$P/else" "$n" >"$P/summary" 2>&1 || cat "$P/summary"
	sed -n 's/^stops: \([0-9]*\);.*/\1/p' "$P/summary"
}
# more THAN LAYER…: two hundred rounds make so many more stops than one, at least.
more() {
	local than=$1 one many
	shift
	one=$(stops '' 1 "$@") many=$(stops '' 201 "$@")
	echo "$one, then $many"
	[ $((many - one)) -ge "$than" ]
}
one=$(stops "$VM" 1 "$remap")
check_match stops/some '^[1-9][0-9]*$' "$one"
check_eq stops/none-elsewhere "$one" "$(stops "$VM" 201 "$remap")"
check stops/all-if-one-wants-all more 2000 "$remap" "$everywhere"
check stops/all-below-the-root more 2000 remap,map=/=/+"$VM=$REAL"
denied="deny,path=/no/such/*+$P/else/fil"
same() {
	local few many
	few=$(stops '' 1 "$1") && many=$(stops '' 201 "$1") && [ "$few" -gt 0 ] && [ "$few" -eq "$many" ]
}
check stops/none-but-denied same "$denied"
check stops/all-by-a-pattern more 2000 'deny,path=*.none'
asked=ask,syscalls=openat+newfstatat,path
check stops/below-a-pattern more 800 "$asked=$P/else/[x]*"
check stops/none-but-asked same "$asked=/srv/x*"

# ---- what is said of it
told() {
	"$VMMCTL" explain --json -e "$ENGINE" -l "$remap" |
		jq -c "[.calls[] | select(.call == \"openat\" or .call == \"readlink\" or .call == \"openat2\" or .call == \"getcwd\" or
			.call == \"connect\" or .call == \"chroot\") | [.call, .mechanism, .below]] | sort"
}
check_eq explain/json "$(jq -cn --arg vm "$VM" --arg real "$REAL" '["/proc", $vm, $real] as $below |
	[["chroot", "trace", null], ["connect", "trace", null], ["getcwd", "trace", null], ["openat", "trace", $below],
	["openat2", "trace", null], ["readlink", "trace", $below]]')" "$(told)"
check_match explain/text "trace below /proc $VM $REAL, forced by remap\[0\]" "$("$VMMCTL" explain -e "$ENGINE" -l "$remap")"

# ---- a trace that is attached sees all, and when it goes nothing stops again
"${run[@]}" -n looped -l "$remap" -- perl -e \
	'until (-e "$ARGV[0]/stop") { open my $f, "<", "$ARGV[0]/else/file" or die; print STDERR "."; select undef, undef, undef, 0.01 }' \
	"$P" 2>"$P/rounds" &
looped=$!
shown() { "$VMMCTL" show --json looped | jq -r "$1"; }
rounds() { [ "$(wc -c <"$P/rounds")" -ge "$1" ]; }
# Ten rounds of the loop and no stop. It may just have begun, or been let go.
quiet() {
	local before
	before=$(shown .stops) && until_true $((20 * KMOD_SLOW)) rounds $(($(wc -c <"$P/rounds") + 10)) &&
		[ "$before" = "$(shown .stops)" ]
}
check live/nothing-stops until_true $((20 * KMOD_SLOW)) quiet
timeout 60 "$VMMCTL" trace -l syscalls=openat looped >"$P/live" 2>&1 &
check live/all-stops until_true $((20 * KMOD_SLOW)) grep -q "openat(.*$P/else/file" "$P/live"
kill $!
check live/gone until_true $((20 * KMOD_SLOW)) eval '[ "$(shown ".layers | length")" = 1 ]'
check live/nothing-stops-again until_true $((20 * KMOD_SLOW)) quiet
touch "$P/stop"
wait "$looped"
check_eq live/status 0 $?
