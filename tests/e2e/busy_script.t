#!/usr/bin/perl
# Scripts that never rest keep neither the connection nor the other scripts nor the commands from their work.
use strict;
use warnings;
use NeapData;
use NeapTest;
use Test::More;

my $broker = start_broker();
my $sub    = subscribe($broker, topic => '+/messages/json');
my $neap   = start_neap(write_config($broker, scripts => { 'spin.lua' => <<'SPIN', 'late.lua' => <<'LATE', 'good.lua' => <<'GOOD' }));
on("start", function()
	while true do sleep(0) end
end)
SPIN
every("1ms", function()
	local ends = uptime() + 0.005
	while uptime() < ends do end
end)
LATE
policy("now", { flush = "now" })
local m = asset("m")
local n = 0
m:variable("n", { type = "int", policy = "now", every = "20ms", read = function() n = n + 1 return n end })
GOOD
$neap->wait_log(qr/ runs as /);
wait_for(sub { values_of('m.n', $sub->payloads) >= 20 }, 30, 'samples of the good script');
is($neap->status->{link}{state}, 'connected', 'status answers');
is($neap->stop, 0, 'SIGTERM ends it');
is(numbers_missing(20, values_of('m.n', $sub->payloads)), '', 'nothing is missing');

done_testing();
