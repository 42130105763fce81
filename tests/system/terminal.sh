# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# terminal.sh - a terminal in a tmux pane shows the same bare and under vmmctl:
# ^C reaches the program once, ^Z and fg work, a shell inside has job control,
# end-of-file and window changes arrive, the terminal is sane afterwards.
# shellcheck disable=SC1003,SC2016,SC2317 # ^\ and words for another shell; functions that until_true calls
SUITE=terminal
# shellcheck source=tests/lib.sh
. tests/lib.sh
lib_begin
ENGINES=${ENGINES:-ptrace hybrid seccomp}

PANE=none
T() { tmux -S "$WORK/tmux.$PANE" -f /dev/null "$@"; }
trap 'T kill-server 2>/dev/null; lib_end' EXIT

# r COMMAND… in the pane runs it as this way of running says: the same words on the screen.
start_pane() {
	local way=$1
	shift
	mkdir "$WORK/$way"
	printf '#!/bin/sh\nexec %s "$@"\n' "$*" >"$WORK/$way/r"
	chmod +x "$WORK/$way/r"
	echo "PS1='\$ '; PS2=; PROMPT_COMMAND=; unset HISTFILE; PATH=$WORK/$way:\$PATH; stty -echoctl; m=M; clear" >"$WORK/rc"
	PANE=$way
	T new-session -d -x 80 -y 50 "env -u TMUX XDG_RUNTIME_DIR=$XDG_RUNTIME_DIR VMMD_TEST_MARK=$VMMD_TEST_MARK LC_ALL=C bash --norc --rcfile $WORK/rc -i"
	T send-keys "HOME=/; source $WORK/rc; echo \${m}READY" Enter
	wait_screen READY
	T send-keys 'clear' Enter
	until_true 10 screen_lacks READY
	until_true 10 at_prompt
}

screen() { T capture-pane -p; }
screen_has() { screen | grep -qF -e "$1"; }
screen_lacks() { ! screen | grep -qF -e "$1"; }

wait_screen() {
	until_true 20 screen_has "$1" || echo "NEVER CAME: $1" >>"$WORK/trouble"
}

# Wait until the pane's foreground group has a program called $1, blocked.
wait_front() {
	until_true 20 front_is "$1" || echo "NEVER IN FRONT: $1" >>"$WORK/trouble"
}

front_is() {
	local pane
	pane=$(T display-message -p '#{pane_pid}')
	ps -o pgid=,tpgid=,comm=,stat= -t "$(ps -o tty= -p "$pane")" | awk -v n="$1" '$1 == $2 && $3 == n && $4 ~ /^S/ { f = 1 } END { exit !f }'
}

# A person waits for the prompt: what is typed before it would show in another place.
at_prompt() { screen | grep . | tail -n 1 | grep -qxE '(\$|inner) *'; }
say() {
	until_true 20 at_prompt || echo "NO PROMPT FOR: $1" >>"$WORK/trouble"
	T send-keys "$1" Enter
}
typed() { T send-keys "$1" Enter; }
twice() { [ "$(screen | grep -cx "$1")" -eq 2 ]; }
key() { T send-keys "$1"; }

# What a person types; the screen after it is the result. Each step waits for what it expects to see.
play() {
	say 'r cat'; wait_front cat
	typed 'some text'; until_true 10 twice 'some text'
	key C-d; say 'echo "eof $?"'; wait_screen 'eof 0'
	say 'r sleep 1000'; wait_front sleep
	key C-c; say 'echo "int $?"'; wait_screen 'int 130'
	say "r bash -c 'n=0; trap \"let n++; echo caught \\\$n\" INT; until [ \$n -gt 0 ]; do sleep 0.1; done; sleep 0.3; echo total \$n'"
	until_true 10 front_is sleep; key C-c; wait_screen 'total 1'
	say 'r sleep 1000'; wait_front sleep
	key C-z; wait_screen 'Stopped'; say 'echo "stop $?"'; wait_screen 'stop 148'
	say 'jobs'; wait_screen 'stop 148'
	say 'fg'; wait_front sleep; key C-z; say 'bg; echo "bg $?"'; wait_screen 'bg 0'
	say 'fg'; wait_front sleep; key C-c; say 'echo "fg $?"'; wait_screen 'fg 130'
	say 'r sleep 1000'; wait_front sleep
	key 'C-\'; say 'echo "quit $?"'; wait_screen 'quit 131'
	say "r env PS1='inner ' bash --norc -i"; wait_screen 'inner '
	say 'sleep 1000'; wait_front sleep; key C-z; say 'jobs | wc -l; echo "in $?"'; wait_screen 'in 0'
	say 'fg'; wait_front sleep; key C-c; say 'echo "infg $?"'; wait_screen 'infg 130'
	say 'exit 5'; say 'echo "out $?"'; wait_screen 'out 5'
	say 'r stty -a | grep -c isig; r sh -c "stty size; tty >/dev/null; echo tty \$?"'; wait_screen 'tty 0'
	say 'echo one | r cat | r tr o 0; echo "pipe ${PIPESTATUS[*]}"'; wait_screen 'pipe 0 0 0'
	say 'r sh -c "exit 77" & wait $!; echo "back $?"'; wait_screen 'back 77'
	say 'stty -a | md5sum; echo en${m}d'; wait_screen 'enMd'
}

way() {
	start_pane "$@"
	: >"$WORK/trouble"
	play
	# The pids of background jobs differ.
	screen | sed -E 's/^(\$ )?(\[[0-9]+\]) [0-9]+$/\1\2 PID/; s/[[:space:]]+$//' >"$WORK/screen.$1"
	cat "$WORK/trouble" >>"$WORK/screen.$1"
	T kill-server
}

way bare
check_eq bare '' "$(cat "$WORK/trouble")"
for engine in $ENGINES; do
	way null@$engine "$VMMCTL" run -e $engine -l null --
	check null@$engine diff "$WORK/screen.bare" "$WORK/screen.null@$engine"
done
[ -z "${BRIEF-}" ] || finish
way five "$VMMCTL" run -e "${ENGINES%% *}" "${FIVE_NULL[@]}" --
check five diff "$WORK/screen.bare" "$WORK/screen.five"
finish
