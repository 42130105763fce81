# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# remap.sh - what a program sees of a mapped directory, by calls that name it and by
# links that the kernel makes: the same on every engine and with other layers around.
SUITE=remap
# shellcheck source=tests/lib.sh
. tests/lib.sh
lib_begin
ENGINES=${ENGINES:-hybrid ptrace}

mkdir -p "$WORK/to/sub" "$WORK/from"
echo text >"$WORK/to/file"
ln -s "$WORK/to/file" "$WORK/to/link"
cat >"$WORK/names.pl" <<'END'
use Cwd; use Fcntl;
my ($vm, $real) = @ARGV;
sub show { my $t = join ' ', map { $_ // "errno " . (0 + $!) } @_; $t =~ s/\Q$real\E/REAL/g; $t =~ s/\Q$vm\E/VM/g; print "$t\n"; }
sub cut { my ($path, $n) = @_; my $b = "\0" x 200; my $r = syscall 89, $path, $b, $n; substr $b, 0, $r }
chdir "$vm/sub" or die;
show "cwd", getcwd, readlink "/proc/self/cwd"; show readlink "/proc/$$/cwd"; show readlink "/usr/../proc//self/./cwd";
my $whole = length "$vm/sub";
show "cut", substr(cut("/proc/self/cwd", $_), -3) for 4, $whole - 1, $whole, $whole + 1, 199;
sysopen my $f, "$vm/file", O_RDONLY or die;
my $n = fileno $f;
show "fd", <$f> =~ s/\n//r, readlink "/proc/self/fd/$n";
show "link", readlink "$vm/link", readlink "../link";
show "missing", readlink "/proc/self/none"; show "no link", readlink "$vm/file"; show "nothing", readlink "";
chdir "/proc/self/fd" or die;
show "relative", readlink $n;
chdir ".." or die;
show "above", readlink "fd/$n";
END
cat >"$WORK/want" <<END
cwd VM/sub VM/sub
VM/sub
VM/sub
cut $(cut -c2-4 <<<"$WORK/vm/sub")
cut /su
cut sub
cut sub
cut sub
fd text VM/file
link REAL/file REAL/file
missing errno 2
no link errno 22
nothing errno 2
relative VM/file
above VM/file
END

# Around the map there may be others, of which nothing is to be seen.
names() {
	local name=$1
	shift
	"$VMMCTL" run "$@" -- perl "$WORK/names.pl" "$WORK/vm" "$WORK/to" >"$WORK/got" 2>&1
	check_eq "$name/status" 0 $?
	check "$name" diff "$WORK/want" "$WORK/got"
}
map=remap,map=$WORK/vm=$WORK/to
for engine in $ENGINES; do
	names "alone@$engine" -e "$engine" -l "$map"
	names "between@$engine" -e "$engine" -l null -l "$map" -l null
	names "exits@$engine" -e "$engine" -l null,exit=true -l "$map" -l null,exit=true
	names "twice@$engine" -e "$engine" -l "remap,map=$WORK/mid=$WORK/to" -l "remap,map=$WORK/vm=$WORK/mid"
	names "elsewhere-too@$engine" -e "$engine" -l "$map" -l "remap,map=/no/such=$WORK/from"
done

# A layer inside sees what the program asks for and the kernel's answer; one outside, the program's.
show=syscalls=readlink,lifecycle=no
"$VMMCTL" run -e "${ENGINES%% *}" -l "trace,$show,file=$WORK/inner.log" -l "$map" -l "trace,$show,file=$WORK/outer.log" -- \
	perl -e 'chdir shift; readlink "/proc/self/cwd"' "$WORK/vm/sub"
# What is written to a file may come a moment later.
check inner until_true 10 grep -q "readlink(\"/proc/self/cwd\", \"$WORK/to/sub\"" "$WORK/inner.log"
check outer until_true 10 grep -q "readlink(\"/proc/self/cwd\", \"$WORK/vm/sub\"" "$WORK/outer.log"

# Several threads at once, and signals that come on the way.
cat >"$WORK/threads.py" <<'END'
import os, signal, sys, threading
os.chdir(sys.argv[1])
hits, wrong = [], []
def work():
    for _ in range(100):
        if os.readlink("/proc/self/cwd") != sys.argv[1]: wrong.append(1)
signal.signal(signal.SIGALRM, lambda *_: hits.append(1))
signal.siginterrupt(signal.SIGALRM, False) # else calls that are notified may fail with EINTR: README
signal.setitimer(signal.ITIMER_REAL, *(2 * [0.001 * int(sys.argv[2])]))
threads = [threading.Thread(target=work) for _ in range(4)]
for t in threads: t.start()
work()
for t in threads: t.join()
signal.setitimer(signal.ITIMER_REAL, 0)
print("wrong", len(wrong), "hit" if hits else "no signal came")
END
for engine in $ENGINES; do
	check_eq "threads@$engine" "wrong 0 hit" "$("$VMMCTL" run -e "$engine" -l "$map" -- python3 "$WORK/threads.py" "$WORK/vm/sub" "$SLOW" 2>&1)"
done

# What a build does most is notified: there are hardly more stops than calls.
on hybrid || finish
out=$("$VMMCTL" run -e hybrid --summary -l "$map" -- perl -e 'readlink "/usr/lib" for 1..1000' 2>&1)
stops=$(sed -n 's/^stops: \([0-9]*\);.*/\1/p' <<<"$out")
entries=$(sed -n 's/.*events: entry=\([0-9]*\) .*/\1/p' <<<"$out")
check_match notified '^yes' "$([ "${entries:-0}" -ge 1000 ] && [ "${stops:-99999}" -lt $((entries + 100)) ] && echo yes || echo "$out")"
finish
