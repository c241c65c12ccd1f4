#!/usr/bin/perl
# neap reload, SIGHUP and a trial in a running agent: no sample is lost, and what is wrong is said.
use strict;
use warnings;
use Test::More;
use NeapTest;

my $lua = <<'LUA';
local m = asset("m")
local n = m:setting("n", { type = "int", default = 0 })
policy("fast", { flush = "now" })
m:variable("count", { type = "int", policy = "fast" })
every("100ms", "count", function() n:set(n:get() + 1) m:push("count", n:get()) end)
LUA

my $broker = start_broker();
my $sub    = subscribe($broker);
my $config = write_config($broker, scripts => { 'machine.lua' => $lua, 'other.lua' => 'local x = 1' });
my $neap   = start_neap($config);
$neap->wait_state('connected');
my ($dir) = slurp($config) =~ /dir: (\S+scripts)\b/;

sub reload { return run_neap('reload', '-c', $config, @_) }

sub script {
    my ($name) = @_;
    return (grep { $_->{name} eq $name } @{ $neap->status->{scripts} })[0];
}

# good and broken ones in turn, while it counts
for my $i (1 .. 10) {
    spew("$dir/machine.lua", "-- $i\n$lua");
    my ($status, $out, $err) = reload();
    is("$status $out$err", "0 machine: reloaded\n", "reload $i");
    spew("$dir/machine.lua", "$lua\nlocal x = = 1\n");
    ($status, $out, $err) = reload('machine');
    is($status, 1, 'a broken one fails');
    is($err, "$dir/machine.lua:7: unexpected symbol near '='\n", 'and is told with its place');
    is($out, "machine: refused, the version from before goes on\n", 'and with what becomes of it');
}
like(script('machine')->{refused}, qr{machine\.lua:7: unexpected}, 'the status tells it, too');

my ($status, $out, $err) = reload('machin');
is($status, 1, 'an unknown script');
like($err, qr{there is no script machin\.lua in \Q$dir\E \(did you mean "machine"\?\)}, 'is said to be one');
spew("$dir/machine.lua", "-- 10\n$lua");
($status, $out, $err) = reload();
is("$status $out$err", "0 nothing changed\n", 'what runs is not reloaded');
($status, $out, $err) = reload('--try', 'soon');
is($status, 2, 'a trial wants a time');

# SIGHUP: a new one
my $from = length $neap->log;
spew("$dir/new.lua", 'on("start", function(why) log.info("new:", why) end)');
$neap->signal('HUP');
$neap->wait_log(qr/new: new \(signal\)/, 20, $from);
$neap->wait_log(qr/script\.new: new: reload/, 20, $from);

# a trial that goes back, one that is confirmed, and one that a restart ends
$from = length $neap->log;
spew("$dir/new.lua", 'on("start", function(why) log.info("on trial") end)');
($status, $out, $err) = reload('--try', '300ms', 'new');
is("$status $out$err", "0 new: reloaded\n", 'on trial');
$neap->wait_log(qr/on trial.*the trial failed: it was not confirmed in time.*new: reload/s, 20, $from);
is(script('new')->{back}, 'it was not confirmed in time', 'the status says why it is back');
($status, $out, $err) = reload('--try', '5m', 'new');
is($status, 0, 'on trial again');
cmp_ok(script('new')->{trial_left_s}, '>', 200, 'the status says for how long');
($status, $out, $err) = reload('--confirm');
is("$status $out", "0 confirmed\n", 'confirmed');
($status, $out, $err) = reload('--confirm');
is("$status $out", "1 no script is on trial\n", 'once');
spew("$dir/new.lua", 'on("start", function(why) log.info("another trial") end)');
($status, $out, $err) = reload('--try', '5m', 'new');
is($neap->stop, 0, 'a clean stop');
$from = length $neap->log;
$neap->again;
$neap->wait_state('connected');
$neap->wait_log(qr/script\.new: on trial/, 20, $from);
unlike(substr($neap->log, $from), qr/another trial/, 'a restart ends a trial');

# every number came, and its setting went on where it was
sub numbers {
    return sort { $a <=> $b } join('', map { $_->{payload} } $sub->messages) =~ /"value":"?(\d+)/g;
}
my $last = wait_for(sub { my @got = numbers(); @got && $got[-1] > 20 && $got[-1] }, 30, 'numbers');
is($neap->stop, 0, 'a clean stop');
my %seen = map { $_ => 1 } numbers();
is_deeply([ grep { !$seen{$_} } 1 .. $last ], [], "1 to $last arrived");
done_testing();
