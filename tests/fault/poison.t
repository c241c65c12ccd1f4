#!/usr/bin/perl
# A body that makes the broker hang up again and again: bodies that are too large for it become smaller, a sample that no
# body could carry is set aside and counted, and everything else arrives.
use strict;
use warnings;
use NeapData;
use NeapTest;
use Test::More;

my $SCRIPT = <<'END';
local cfg = params { at = 0, bytes = 0 }
policy("numbers", { flush = "200ms", max_samples = 500 })
local m = asset("m")
m:variable("n", { type = "int", policy = "numbers" })
m:variable("text", { type = "string", policy = "numbers" })
on("start", function()
	for n = 1, 1000 do
		m:push("n", n)
		if n == cfg.at then m:push("text", ("x"):rep(cfg.bytes)) end
	end
end)
END

sub run {
    my ($at, $bytes) = @_;
    my $broker = start_broker(config => "max_packet_size 3000\n");
    my $sub    = subscribe($broker, topic => 'GW-1/messages/json');
    my $neap   = start_neap(write_config($broker, scripts => { 'numbers.lua' => $SCRIPT },
        broker => { reconnect => '{ min: 100ms, max: 200ms }' },
        more   => "params: { numbers: { at: $at, bytes: $bytes } }\n"));
    wait_for(sub { numbers_missing(1000, values_of('m.n', $sub->payloads)) eq '' }, 120, 'all the numbers');
    pass('all the numbers arrive');
    return ($neap, $sub);
}

subtest 'bodies above the limit of the broker' => sub {
    my ($neap, $sub) = run(1000, 2400);    # a sample larger than what bodies of many come down to
    $neap->wait_log(qr/uplink: the broker hangs up on large bodies: sending \d+ bytes at most/);
    pass('and neap says how large they may be');
    my ($numbers) = grep { $_->{name} eq 'numbers' } @{ $neap->status->{policies} };
    is_deeply($numbers->{lost}, {}, 'nothing is lost');
    wait_for(sub { values_of('m.text', $sub->payloads) }, 60, 'the large sample');
    is(join(' ', values_of('m.text', $sub->payloads)), 'x' x 2400, 'a sample that the broker takes by itself arrives');
    is($neap->stop, 0, 'a clean stop');
};

subtest 'one sample that the broker will not have' => sub {
    my ($neap) = run(500, 5000);
    $neap->wait_log(qr/uplink: .*hangs up on one sample of policy numbers; it is set aside in \S+refused\.log/, 60);
    pass('it is said');
    my ($numbers) = grep { $_->{name} eq 'numbers' } @{ $neap->status->{policies} };
    is_deeply($numbers->{lost}, { refused => 1 }, 'and counted');
    my ($file) = $neap->log =~ /set aside in (\S+refused\.log)/;
    like(slurp($file), qr/x{5000}/, 'and kept');
    is($neap->stop, 0, 'a clean stop');
};

done_testing();
