#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# hostile_socket.sh - hostile bytes cost their own connection only: the daemon,
# the session beside it and other connections go on, and nothing is left over.
# shellcheck disable=SC2016,SC2317 # perl programs; functions that until_true calls
SUITE=hostile_socket
# shellcheck source=tests/lib.sh
. tests/lib.sh
lib_begin
export VMMD_SOCKET=$WORK/vmmd.sock

# say SECONDS: send standard input to the daemon, print what comes until it hangs up or the time is over.
say() {
	perl -MIO::Socket::UNIX -e '
		my ($path, $limit) = @ARGV;
		my $s = IO::Socket::UNIX->new(Peer => $path) or exit 1;
		my $data = do { local $/; <STDIN> };
		$SIG{ALRM} = sub { exit 0 };
		alarm $limit;
		if (fork == 0) { # written beside the reading, so that neither end waits for the other
			$SIG{PIPE} = "IGNORE";
			for (my $off = 0; $off < length $data;) {
				$off += syswrite($s, $data, 65536, $off) || last;
			}
			shutdown($s, 1);
			exit 0;
		}
		while (sysread($s, my $buf, 65536)) { print $buf }
		wait;
	' "$VMMD_SOCKET" "$1"
}

# The daemon answers, and its session is there.
well() {
	[ "$("$VMMCTL" ps -q)" = "$session" ]
}

fds() {
	find "/proc/$1/fd" -mindepth 1 2>/dev/null | wc -l
}

# The daemon and the worker hold no more descriptors than before.
settled() {
	[ "$(fds "$daemon")" -eq "$daemon_fds" ] && [ "$(fds "$session")" -eq "$session_fds" ]
}

# hostile NAME REGEX SECONDS: standard input is thrown at the daemon; what it says must match.
hostile() {
	local out
	out=$(say "$3" | tail -c 2000)
	if ! [[ $out =~ $2 ]]; then
		not_ok "$1" "said <$out>, not <$2>"
	elif ! until_true 5 well; then
		not_ok "$1" "the daemon or its session is not well"
	elif ! until_true 5 settled; then
		not_ok "$1" "descriptors are left: $(fds "$daemon") and $(fds "$session"), were $daemon_fds and $session_fds"
	else
		ok "$1"
	fi
}

refused() {
	printf '"ok":false,"errno":"%s","error":"[^"]+' "$1"
}

# ask NAME REGEX TEXT: one line, sent as it is.
ask() {
	hostile "$1" "$2" 5 <<<"$3"
}

"$VMMD" --user --socket "$VMMD_SOCKET" 2>"$WORK/log" &
daemon=$!
until_true 5 "$VMMCTL" ps
"$VMMCTL" run -n victim -e hybrid -l null -- sleep 600 &
disown
until_true 5 eval '[ -n "$("$VMMCTL" ps -q)" ]'
session=$("$VMMCTL" ps -q)
until_true 5 well
daemon_fds=$(fds "$daemon") session_fds=$(fds "$session")

ask garbage "$(refused EPROTO)" 'GET / HTTP/1.1'
ask empty "$(refused EPROTO)" ''
ask array "$(refused EPROTO)" '[{"id":1,"op":"ps"}]'
ask no-id "$(refused EPROTO)" '{"op":"ps"}'
ask wrong-id "$(refused EPROTO)" '{"id":{},"op":"ps"}'
ask huge-id "$(refused EPROTO)" '{"id":1e400,"op":"ps"}'
ask no-op "$(refused EPROTO)" '{"id":1}'
ask wrong-op "$(refused EPROTO)" '{"id":1,"op":["ps"]}'
ask twice "$(refused EPROTO)" '{"id":1,"id":2,"op":"ps"}'
ask unknown-op "$(refused ENOSYS)" '{"id":1,"op":"__proto__"}'
ask not-utf8 "$(refused EPROTO)" $'{"id":1,"op":"\xc0\xaf"}'
ask controls "$(refused ENOSYS)" '{"id":1,"op":"\u001b[2J\u0007"}'
hostile nul "$(refused EPROTO)" 1 < <(printf '{"id":1,"op":"ps"\0}\n')
hostile half-a-line '^$' 1 < <(printf '{"id":1,"op":"ps')
hostile long-line "$(refused EMSGSIZE)" 5 < <(head -c 3000000 /dev/zero | tr '\0' x)
hostile deep "$(refused EPROTO)" 5 < <({ head -c 900000 /dev/zero | tr '\0' '['; echo; })
hostile pipelined '"protocol":[0-9]+}' 10 < <(yes '{"id":1,"op":"version"}' | head -n 50000)
hostile random "$(refused EPROTO)" 5 < <({ for _ in {1..40}; do head -c 5000 /dev/urandom; echo; done; })

# What goes on to a worker: its own, or that of the running session.
ask session-missing "$(refused EINVAL)" '{"id":1,"op":"show"}'
ask session-type "$(refused EINVAL)" '{"id":1,"op":"show","session":["victim"]}'
ask session-unknown "$(refused ESRCH)" '{"id":1,"op":"kill","session":"../victim"}'
ask session-long "$(refused EMSGSIZE)" "{\"id\":1,\"op\":\"show\",\"session\":\"victim\",\"x\":\"$(head -c 70000 /dev/zero | tr '\0' x)\"}"
ask command-type "$(refused EINVAL)" '{"id":1,"op":"command","session":"victim","name":7,"text":[]}'
ask command-unknown "$(refused ENOENT)" '{"id":1,"op":"command","session":"victim","name":"x","text":"\n\u001b"}'
ask trace-type '"id":1' '{"id":1,"op":"trace","session":"victim","options":{},"format":4}'
ask trace-options "$(refused EINVAL)" '{"id":1,"op":"trace","session":"victim","options":"syscalls=nosuch"}'
ask trace-inject "$(refused EINVAL)" '{"id":1,"op":"trace","session":"victim","options":"file=/etc/x","format":"text,nosuch"}'
hostile behind-a-move "$(refused EPROTO)" 1 < <(printf '{"id":1,"op":"show","session":"victim"}\n{"id":2,"op":"ps"}\n')
ask run-empty "$(refused EINVAL)" '{"id":1,"op":"run"}'
ask run-pid-type "$(refused EINVAL)" '{"id":1,"op":"run","cwd":"/","pid":"1"}'
ask run-pid-huge "$(refused '[A-Z]+')" '{"id":1,"op":"run","cwd":"/","pid":4294967297}'
ask run-layers-type "$(refused EINVAL)" '{"id":1,"op":"run","cwd":"/","pid":-1,"layers":[[]]}'
ask run-config-type "$(refused EINVAL)" '{"id":1,"op":"run","cwd":"/","pid":-1,"config":"layers: []"}'
ask check-layer "$(refused EINVAL)" '{"id":1,"op":"check","cwd":"/","layers":["../../etc/passwd"]}'

# Idle connections in numbers: those over the limit are refused, the rest are no harm.
check many-connections perl -MIO::Socket::UNIX -e '
	my @all = map { IO::Socket::UNIX->new(Peer => $ARGV[0]) } 1 .. 900;
	exit(system("\"$ENV{VMMCTL}\" ps -q >/dev/null") && $> == 0);
' "$VMMD_SOCKET"
check settled-after-many until_true 5 settled

# A client that asks for ever and never reads: held by its own socket, at no cost.
before=$(awk '/VmRSS/ { print $2 }' "/proc/$daemon/status")
perl -MIO::Socket::UNIX -e '
	my $s = IO::Socket::UNIX->new(Peer => $ARGV[0]);
	$SIG{ALRM} = sub { exit 0 };
	alarm 2;
	1 while syswrite($s, "{\"id\":1,\"op\":\"status\"}\n" x 1000);
' "$VMMD_SOCKET"
after=$(awk '/VmRSS/ { print $2 }' "/proc/$daemon/status")
check never-reads [ "$((after - before))" -lt 32768 ]
check settled-after-never-reads until_true 5 settled

check session-unhurt well
kill -TERM "$daemon"
wait "$daemon"
check_eq daemon-ends 0 "$?"
check_eq log "" "$(grep -v 'warning: connection refused' "$WORK/log")"
finish
