#!/usr/bin/perl
# A body that makes the broker hang up again and again: bodies that are too large for it become smaller, a sample that no
# body could carry is set aside and counted, and everything else arrives.
use strict;
use warnings;
use NeapData;
use NeapTest;
use Test::More;

my $SCRIPT = <<'END';
local cfg = params { big = 0 }
policy("numbers", { flush = "200ms", max_samples = 500 })
local m = asset("m")
m:variable("n", { type = "int", policy = "numbers" })
m:variable("text", { type = "string", policy = "numbers" })
on("start", function()
	for n = 1, 1000 do
		m:push("n", n)
		if n == cfg.big then m:push("text", ("x"):rep(5000)) end
	end
end)
END

sub run {
    my ($big) = @_;
    my $broker = start_broker(config => "max_packet_size 3000\n");
    my $sub    = subscribe($broker, topic => 'GW-1/messages/json');
    my $neap   = start_neap(write_config($broker, scripts => { 'numbers.lua' => $SCRIPT },
        broker => { reconnect => '{ min: 100ms, max: 200ms }' },
        more   => "params: { numbers: { big: $big } }\n"));
    wait_for(sub { numbers_missing(1000, values_of('m.n', $sub->payloads)) eq '' }, 120, 'all the numbers');
    pass('all the numbers arrive');
    return ($neap, $sub);
}

subtest 'bodies above the limit of the broker' => sub {
    my ($neap) = run(0);
    $neap->wait_log(qr/uplink: the broker hangs up on large bodies: sending \d+ bytes at most/);
    pass('and neap says how large they may be');
    my ($numbers) = grep { $_->{name} eq 'numbers' } @{ $neap->status->{policies} };
    is_deeply($numbers->{lost}, {}, 'nothing is lost');
    is($neap->stop, 0, 'a clean stop');
};

subtest 'one sample that the broker will not have' => sub {
    my ($neap) = run(500);
    $neap->wait_log(qr/uplink: .*hangs up on one sample of policy numbers; it is set aside in \S+refused\.log/, 60);
    pass('it is said');
    my ($numbers) = grep { $_->{name} eq 'numbers' } @{ $neap->status->{policies} };
    is_deeply($numbers->{lost}, { refused => 1 }, 'and counted');
    my ($file) = $neap->log =~ /set aside in (\S+refused\.log)/;
    like(slurp($file), qr/x{5000}/, 'and kept');
    is($neap->stop, 0, 'a clean stop');
};

done_testing();
