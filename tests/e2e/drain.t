#!/usr/bin/perl
# neap drain: all that waits is sent and acknowledged, or what remains is told.
use strict;
use warnings;
use NeapTest;
use Test::More;

my $broker = start_broker(users => { 'GW-1' => 'secret' });
my $relay  = start_relay($broker);
my $sub    = subscribe($broker, topic => 'GW-1/messages/json');
my $config = write_config($broker, port => $relay->port, scripts => { 'm.lua' => <<'END' });
policy("slow", { flush = "1h", limit = "1MB" })
policy("fast", { flush = "1h", limit = "1MB" })
local m = asset("m")
m:variable("a", { type = "int", policy = "slow" })
m:variable("b", { type = "int", policy = "fast" })
m:command("fill", { params = { count = { type = "int" } }, run = function(p) for i = 1, p.count do m:push("a", i) end end })
local n = 0
every("50ms", "always", function() n = n + 1; m:push("b", n) end)
END
my @c = ('-c', $config);
my $none = qr/^neap drain: no agent is running here: /;
like((run_neap('drain', @c))[2], $none, 'without an agent');
is((run_neap('drain', @c))[0], 1, 'it has failed');
is((run_neap('drain', @c, '--timeout', 'soon'))[2], qq(neap drain: --timeout: "soon" is no duration such as 30s or 2m\n), 'no duration');

my $neap = start_neap($config);
$neap->wait_state('connected');
is((run_neap('task', @c, 'command', 'm.fill', 'count=5000'))[0], 0, '5,000 samples that would wait for an hour');
is_deeply([ run_neap('drain', @c, '--timeout', '60s') ], [ 0, "all that waited is acknowledged\n", '' ], 'drain, while others come');
my %got = map { $_ => 1 } map { map { $_->{value} } @{ $_->{'m.a'} // [] } } map { @{ decode($_) } } $sub->payloads;
is(scalar keys %got, 5000, 'all are at the broker when it returns') or do {
    wait_for(sub { $sub->payloads > 20 }, 5, 'more');
};

$relay->command('refuse');
$relay->command('cut');
is((run_neap('task', @c, 'command', 'm.fill', 'count=700'))[0], 0, '700 while the link is down');
my ($status, $out, $err) = run_neap('drain', @c, '--timeout', '2s');
is($status, 1, 'drain without a link: failed');
like($out, qr/^slow: 700 samples remain$/m, 'what remains');
like($err, qr/^neap drain: the time is over: the link is (?:waiting|connecting): .+; what remains waits on disk\n\z/, 'and why');

# the link comes back while it waits
my $drain = start_program({ name => 'drain', run => 1 }, $ENV{NEAP_BIN} // root_dir() . '/build/rel/neap', 'drain', @c);
$relay->command('accept');
is($drain->wait_end(60), 0, 'the link comes back: drained');
is($drain->log, "all that waited is acknowledged\n", 'and said');
is($neap->stop, 0, 'a clean stop');

done_testing();
