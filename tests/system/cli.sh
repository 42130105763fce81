# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# cli.sh - vmmctl as a person and a script meet it: exit codes, one clear line for
# each error, help that fits a terminal, JSON that parses, names that complete.
# shellcheck disable=SC2016,SC2317 # scripts for other shells; functions that check calls
SUITE=cli
# shellcheck source=tests/lib.sh
. tests/lib.sh
lib_begin
exec 2>"$WORK/stderr"

# A daemon of our own: other sessions of this user are none of this test's.
export VMMD_SOCKET=$WORK/sock
"$VMMD" --socket "$VMMD_SOCKET" >"$WORK/log" 2>&1 &
service=$!
until_true 10 "$VMMCTL" version

# fails NAME STATUS PATTERN ARGUMENT…: that status, nothing on stdout, one line that matches on stderr.
fails() {
	local name=$1 want=$2 pattern=$3 status
	shift 3
	"$VMMCTL" "$@" >"$WORK/o" 2>"$WORK/e" </dev/null
	status=$?
	if [ $status -ne "$want" ]; then
		not_ok "$name" "status $status, expected $want: $(cat "$WORK/e")"
	elif [ -s "$WORK/o" ] || [ "$(wc -l <"$WORK/e")" -ne 1 ]; then
		not_ok "$name" "not one line: $(cat "$WORK/o" "$WORK/e")"
	elif ! grep -q '^vmmctl: ' "$WORK/e" || ! grep -qE -e "$pattern" "$WORK/e"; then
		not_ok "$name" "no 'vmmctl: ', or no match for <$pattern>: $(cat "$WORK/e")"
	else
		ok "$name"
	fi
}

printf 'layers:\n  - "null"\nwrong: 1\n' >"$WORK/key.yaml"
printf 'layers:\n  - trace:\n      strings: many\n' >"$WORK/type.yaml"
printf 'engine: auto\nengine: auto\n' >"$WORK/twice.yaml"
printf 'layers: [\n' >"$WORK/syntax.yaml"

fails none 2 'command'
fails unknown 2 "bogus"  bogus
fails run/none 2 'command' run
fails run/option 2 'bogus' run --bogus -- true
fails run/missing 127 'nonexistent.*No such file' run -- /nonexistent
fails run/not-in-path 127 'nonexistent-command' run -- nonexistent-command
fails run/not-executable 126 'Permission denied' run -- /etc/passwd
fails run/directory 126 'tmp' run -- /tmp
fails run/layer 125 'nosuch' run -l nosuch -- true
fails run/layer-option 125 'bogus' run -l trace,bogus=1 -- true
fails run/layer-value 125 'EFOO' run -l deny,errno=EFOO -- true
fails run/engine 125 'kmod' run -e kmod -- true
fails run/config-missing 125 'nonexistent' run -c /nonexistent -- true
fails run/config-key 125 'key.yaml:3:1: ' run -c "$WORK/key.yaml" -- true
# A running process: who is meant, and what can do it. Not here: the kernel module alone can.
sleep 1000 &
bystander=$!
sleep 0 &
gone=$!
wait $gone
fails attach/none 2 'one process' attach
fails attach/two 2 'one process' attach 1 2
fails attach/option 2 'bogus' attach --bogus $bystander
fails attach/words 2 "'x1'" attach x1
fails attach/zero 2 "'0'" attach 0
fails attach/negative 2 "'-7'" attach -- -7
fails attach/too-large 2 "'4294967297'" attach 4294967297
fails attach/no-such 1 "process $gone: No such process" attach -l null $gone
fails attach/first 1 'process 1 cannot be attached' attach -l null 1
fails attach/daemon 1 'process [0-9]+ cannot be attached: it is the daemon' attach -l null $service
fails attach/layer 1 'nosuch' attach -l nosuch $bystander
fails attach/config 1 'nonexistent' attach -c /nonexistent $bystander
fails attach/engine 1 'engine ptrace cannot take over a running process' attach -e ptrace -l null $bystander
fails attach/no-module 1 'cannot take over a running process: .*engine kmod cannot work here: .*/dev/vmmd' attach -l null $bystander
fails attach/private 1 'cannot take over a running process' attach --private -l null $bystander
fails attach/socket 1 'nonexistent' --socket /nonexistent attach -l null $bystander
check attach/unharmed kill -0 $bystander
kill $bystander
fails check/missing 1 'nonexistent' check /nonexistent
fails check/key 1 'key.yaml:3:1: .*wrong' check "$WORK/key.yaml"
fails check/type 1 'type.yaml:3:[0-9]+: .*strings' check "$WORK/type.yaml"
fails check/twice 1 'twice.yaml:2:1: ' check "$WORK/twice.yaml"
fails check/syntax 1 'syntax.yaml:[0-9]+' check "$WORK/syntax.yaml"
fails explain/none 2 'missing' explain
fails explain/option 2 'bogus' explain --bogus
fails explain/layer 1 'nosuch' explain -l nosuch
fails explain/engine 1 'trace\[0\].*seccomp' explain -e seccomp -l trace
fails show/none 1 'nosuch' show nosuch
fails show/argument 2 'argument' show
fails kill/none 1 'nosuch' kill nosuch
fails kill/argument 2 'argument' kill
fails trace/none 1 'nosuch' trace nosuch
fails answer/none 1 '[0-9]' answer 999999.1 allow
fails answer/syntax 2 'SESSION' answer x y
fails plugins/none 1 'nosuch' plugins nosuch
fails socket 1 'nonexistent' --socket /nonexistent ps
fails socket-run 125 'nonexistent' --socket /nonexistent run -- true

fits() {
	local out
	local -x LC_ALL=C.UTF-8
	out=$("$@") || return 1
	echo "$(wc -l <<<"$out") lines, $(wc -L <<<"$out") columns"
	[ "$(wc -l <<<"$out")" -le 24 ] && [ "$(wc -L <<<"$out")" -le 80 ]
}
check help/vmmctl fits "$VMMCTL" --help
check help/vmmd fits "$VMMD" --help
for c in run attach ps show trace answer kill plugins check explain status version; do
	check "help/$c" fits "$VMMCTL" $c --help
done
check_match version '^vmmctl [0-9]+\.[0-9]+' "$("$VMMCTL" --version)"
check_match version/vmmd '^vmmd [0-9]+\.[0-9]+' "$("$VMMD" --version)"

# Which engine, how each call is stopped, and because of whom.
explain() { "$VMMCTL" explain "$@" 2>&1; }
# explained FILTER LAYER…: what jq makes of the JSON for that stack.
explained() {
	local filter=$1 layer args=()
	shift
	for layer; do args+=(-l "$layer"); done
	explain --json "${args[@]}" | jq -r "$filter"
}
check_eq explain/engine 'ptrace kmod seccomp hybrid' \
	"$(explained '[.engine, .cheaper[].engine] | join(" ")' trace,syscalls=read)"
check_match explain/why 'trace\[0\] needs "exit"' "$(explained '.cheaper[] | select(.engine == "seccomp").why' trace,syscalls=read)"
check_eq explain/each 'getpid trace trace[1] getppid notify null[0]' "$(
	explained '[.calls[] | select(.call | startswith("getp") and endswith("pid")) | .call, .mechanism, .layer] | join(" ")' \
		null,syscalls=getpid+getppid trace,syscalls=getpid
)"
check_eq explain/refused 'errno EACCES deny[0]' "$(
	explained '.calls[] | select(.call == "socket") | "\(.mechanism) \(.errno) \(.layer)"' deny,syscalls=socket,errno=EACCES
)"
check_eq explain/other '1 notify' "$(explained '[.calls[] | select(.nr == -1)] | "\(length) \(.[0].mechanism)"' null)"
check_eq explain/confines 'false true' "$(explained '[.layers[].confines] | join(" ")' null deny,syscalls=socket)"
check_match explain/text 'engine seccomp .*notify, forced by null\[0\] \(null\[0\]: entry\) +getppid .*native: everything else' \
	"$(explain -l null,syscalls=getppid | tr '\n' ' ')"
check_match explain/file 'not seccomp: on-failure: release needs .*not hybrid: .*every call of every task stops' \
	"$(printf 'on-failure: release\nlayers: ["null"]\n' >"$WORK/release.yaml" && explain "$WORK/release.yaml" | tr '\n' ' ')"
check_eq explain/own 'clone fork vfork clone3 execve exit exit_group' "$(
	explained '[.calls[] | select(.mechanism == "notify" and .layer == null) | .call] | join(" ")' null,syscalls=getppid
)"

# Statuses of the program are those of vmmctl.
for n in 0 1 2 77 125 126 127 255; do
	"$VMMCTL" run -l null -- sh -c "exit $n"
	check_eq "status/$n" $n $?
done
"$VMMCTL" run -l null -- sh -c 'kill -TERM $$'
check_eq status/signal 143 $?
"$VMMCTL" run --summary -l null -- sh -c 'exit 9' >"$WORK/o" 2>"$WORK/e"
check_eq summary/status 9 $?
check_match summary/counts 'null' "$(cat "$WORK/e")"
"$VMMCTL" run --summary -l null -- sh -c 'kill -KILL $$'
check_eq summary/signal 137 $?
check summary/gone until_true 10 bash -c "[ -z \"\$('$VMMCTL' ps -q)\" ]"
check_eq descriptors 'in err out' "$(echo in | "$VMMCTL" run -l null -- sh -c 'cat; echo err >&2; echo out' 2>&1 | paste -sd ' ')"
check_eq environment "$WORK 7" "$(cd "$WORK" && X=7 "$VMMCTL" run -l null -- sh -c 'echo $PWD $X')"

# A session to look at.
"$VMMCTL" run -n looked-at -l trace,file="$WORK/trace" -l null,syscalls=openat -- sh -c 'while :; do : </dev/null; sleep 0.05; done' &
runner=$!
until_true 10 bash -c "'$VMMCTL' ps | grep -q looked-at"
for c in 'ps' 'show looked-at' 'answer' 'plugins' 'plugins trace' 'check' 'status' 'version'; do
	# shellcheck disable=SC2086 # words
	check "json/${c%% *}${c#* }" bash -c "'$VMMCTL' ${c/ / --json } $([[ $c == *' '* ]] || echo --json) | jq -e ."
done
check_eq ps/name looked-at "$("$VMMCTL" ps --json | jq -r '.[].name')"
check_eq ps/pid $runner "$("$VMMCTL" ps --json | jq -r '.[].pid')"
check_match ps/quiet '^[0-9]+$' "$("$VMMCTL" ps -q)"
check_match show/layers 'trace.*null' "$("$VMMCTL" show looked-at | tr '\n' ' ')"
check_match show/by-number 'openat|null' "$("$VMMCTL" show "$("$VMMCTL" ps -q)" | tr '\n' ' ')"

# A live trace comes and goes, and leaves no mark on the session.
timeout 20 "$VMMCTL" trace -l syscalls=openat looked-at >"$WORK/live" 2>&1 &
tracer=$!
check trace/lines until_true 15 grep -q 'openat(.*/dev/null' "$WORK/live"
check trace/listed bash -c "'$VMMCTL' show --json looked-at | jq -e '.layers | map(select(.live)) | length == 1'"
kill -INT $tracer
wait $tracer
check trace/gone until_true 10 bash -c "'$VMMCTL' show --json looked-at | jq -e '.layers | length == 2'"
timeout 20 "$VMMCTL" trace --format json -l syscalls=openat looked-at >"$WORK/live.json" 2>&1 &
tracer=$!
check trace/json until_true 15 bash -c "head -n 1 '$WORK/live.json' | jq -e ."
kill -INT $tracer
wait $tracer
fails trace/option 1 'bogus' trace -l bogus=1 looked-at
check goes-on kill -0 $runner
check kill "$VMMCTL" kill looked-at
wait $runner
check_eq kill/status 137 $?
check kill/gone until_true 10 bash -c "[ -z \"\$('$VMMCTL' ps -q)\" ]"

# A summary, colours, tables: none of it when the output is no terminal.
check plain bash -c "! '$VMMCTL' plugins | grep -q \$'\\033'"
if [ -r clients/vmmctl/vmmctl.bash ]; then
	complete_words() {
		bash -c '. /usr/share/bash-completion/bash_completion; . clients/vmmctl/vmmctl.bash; PATH="$1:$PATH"; COMP_WORDS=(vmmctl "$2"); COMP_CWORD=1; COMP_LINE="vmmctl $2"; COMP_POINT=${#COMP_LINE}
			f=$(complete -p vmmctl | sed -E "s/.*-F ([^ ]+).*/\1/"); "$f" vmmctl "$2" vmmctl; echo "${COMPREPLY[*]}"' - "$BUILD/bin" "$1" 2>&1
	}
	check_match completion 'plugins' "$(complete_words pl)"
fi
kill -TERM $service
wait $service
check_eq service/status 0 $?
check_eq service/socket-gone '' "$(ls "$VMMD_SOCKET")"
finish
