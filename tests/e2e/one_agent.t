#!/usr/bin/perl
# One agent for each state folder, queue folder and control socket; what one leaves behind that was killed is in nobody's
# way.
use strict;
use warnings;
use NeapTest;
use Test::More;

my $broker = start_broker();
my $config = write_config($broker, scripts => { 'm.lua' => 'asset("m"):setting("x", { type = "int", default = 3 })' });
my $dir    = $config =~ s{/[^/]*$}{}r;
my $first  = start_neap($config);
$first->wait_state('connected');

# A second agent, with some lines of neap.yaml replaced; it ends at once.
sub second {
    my (%change) = @_;
    my $yaml = slurp($config);
    $yaml =~ s/^$_: .*$/$_: $change{$_}/m for keys %change;
    my ($status, $out, $err) = run_neap('run', '-c', spew("$dir/second.yaml", $yaml));
    is($out, '', 'nothing on standard output');
    return "$status: " . $err =~ s/^\S+ //mgr;
}

my $pid = $first->pid;
is(second(), "1: error agent: cannot start: $dir/state/lock is locked by process $pid: two cannot work in one folder\n",
    'the same folders');
is(second(state => "{ dir: $dir/state2 }"),
    "1: error agent: cannot start: $dir/queue/queue.lock is locked by process $pid: two cannot work in one folder\n",
    'the same queue folder');
is(second(state => "{ dir: $dir/state2 }", queue => "{ dir: $dir/queue2 }"),
    "1: error agent: cannot start: control.socket $dir/neap.sock: another agent answers there: give each its own\n",
    'the same control socket');
is($first->status->{pid}, $pid, 'the first one still answers');

for my $round (1 .. 3) {
    is($first->kill9, 'signal 9', 'killed');
    ok(-S "$dir/neap.sock", 'it leaves its socket behind');
    $first->again;
    is($first->wait_state('connected')->{pid}, $first->pid, 'and a new one starts');
}
is($first->stop, 0, 'a clean stop');
ok(!-e "$dir/neap.sock", 'which takes the socket away');

done_testing();
