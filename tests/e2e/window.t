#!/usr/bin/perl
# The window: no more messages and no more bytes are in flight than window: says, however much waits; and the rest follows
# when the PUBACKs come.
use strict;
use warnings;
use NeapData;
use NeapTest;
use Test::More;

my $SCRIPT = <<'END';
local cfg = params { bytes = 0, go = "" }
local done = false
policy("now", { flush = "now", max_samples = 1, limit = "4MB" })
local m = asset("m")
m:variable("n", { type = "int", policy = "now" })
m:variable("text", { type = "string", policy = "now" })
every("100ms", "push", function()
	if done or not file.exists(cfg.go) then return end
	done = true
	for n = 1, 60 do
		if cfg.bytes > 0 then m:push("text", ("%04d"):format(n) .. ("x"):rep(cfg.bytes)) else m:push("n", n) end
	end
end)
END

# Pushes 60 samples while no PUBACK comes; gives what was in flight then, and the subscriber.
sub run {
    my ($what, $path, $bytes, $window, $check) = @_;
    my $broker = start_broker();
    my $relay  = start_relay($broker);
    my $sub    = subscribe($broker, topic => '+/messages/json');
    my $go     = temp_dir() . '/go';
    my $neap   = start_neap(write_config($broker, port => $relay->port, scripts => { 'm.lua' => $SCRIPT },
        broker => { puback_timeout => '10m' },
        more => "window: { $window }\nparams: { m: { bytes: $bytes, go: $go } }\n"));
    $neap->wait_state('connected');
    $relay->command('blackhole');
    spew($go, '');
    my $sent = wait_for(sub { my $s = $neap->status; my ($p) = grep { $_->{name} eq 'now' } @{ $s->{policies} };
            $p->{accepted} == 60 && $s->{sent} }, 30, 'the samples');
    $check->($sent);
    $relay->command('resume');
    wait_for(sub { values_of($path, $sub->payloads) >= 60 }, 60, 'all of them');
    is(scalar values_of($path, $sub->payloads), 60, "$what: all arrive, once");
    is($neap->stop, 0, "$what: a clean stop");
    return;
}

run('messages', 'm.n', 0, 'messages: 7', sub { is($_[0]{in_flight}, 7, 'messages: seven are in flight') });
run('bytes', 'm.text', 15_000, 'messages: 100, bytes: 256KB', sub {
    my ($sent) = @_;
    cmp_ok($sent->{in_flight_bytes}, '<=', 256 * 1024, "bytes: $sent->{in_flight_bytes} in flight");
    cmp_ok($sent->{in_flight_bytes}, '>', 256 * 1024 - 2 * 16_000, 'bytes: and as many as fit');
});

done_testing();
