# SPDX-License-Identifier: GPL-2.0-or-later
# all.pl - Perl: fork, pipes, sockets, signals, files, sorting.
use strict;
use warnings;
use IO::Select;
use IO::Socket::INET;
use POSIX ();

$| = 1;
my @kids;
for my $i (1 .. 5) {
	my $pid = fork() // die;
	exit $i unless $pid;
	push @kids, $pid;
}
print join(' ', map { waitpid($_, 0); $? >> 8 } @kids), "\n";
open(my $p, '-|', 'seq 1 100 | sort -rn') or die;
my $sum = 0;
$sum += $_ while <$p>;
close $p;
print "sum $sum\n";
my $n = 0;
$SIG{USR1} = sub { $n++ };
kill USR1 => $$ for 1 .. 3;
print "signals ", ($n > 0 ? 'came' : 'lost'), "\n";
my $r = eval { local $SIG{ALRM} = sub { die "alarm\n" }; alarm 1; select(undef, undef, undef, 20); 1 };
print defined $r ? "no alarm\n" : $@;
my $srv = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1', Proto => 'tcp') or die;
my $pid = fork() // die;
unless ($pid) {
	for (1 .. 5) { my $c = $srv->accept; my $l = <$c>; print $c scalar reverse(substr $l, 0, -1), "\n"; close $c }
	exit 0;
}
for my $i (1 .. 5) {
	my $c = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $srv->sockport) or die;
	print $c "request $i\n";
	print scalar <$c>;
}
waitpid($pid, 0);
print "server $?\n";
open(my $f, '+>', 'data') or die;
print $f "line $_\n" for reverse 1 .. 1000;
seek($f, 0, 0);
my @l = sort { $a cmp $b } <$f>;
print scalar(@l), " $l[0]";
system('sh', '-c', 'kill -9 $$');
print "system ", $? & 127, "\n";
system('nonexistent-command');
print "missing $?\n";
print `echo backticks`;
exec 'sh', '-c', 'echo replaced; exit 4';
