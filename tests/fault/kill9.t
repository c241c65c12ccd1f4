#!/usr/bin/perl
# neap is killed (-9) at random moments while a script pushes numbered samples and notes outside what was accepted. All
# that was noted arrives; what arrives twice was sent twice, as at-least-once allows, and is counted. The broker goes and
# comes back now and then, with all it had acknowledged (what a broker forgets is broker_restart.t's matter).
use strict;
use warnings;
use NeapData;
use NeapTest;
use Test::More;
use Time::HiRes qw(sleep time);

my $KILLS = $ENV{NEAP_KILLS} // ($ENV{NEAP_RUN} ? 10 : 200);
my $seed  = $ENV{SEED} // int(time);
srand($seed);
diag("SEED=$seed");

# The note is written after the push: what stands in it was accepted before, and anybody could know. Each start begins
# a new thousand, so that no number is pushed twice.
my $SCRIPT = <<'END';
local cfg = params { notes = "", enough = "" }
policy("numbers", { flush = "100ms", max_samples = 50, limit = "64MB" })
local m = asset("m")
m:variable("n", { type = "int", policy = "numbers" })
on("start", function()
	local last = 0
	if file.exists(cfg.notes) then
		last = tonumber(file.read(cfg.notes):match("(%d+)\n[^\n]*$") or "0")
	end
	local n = (last // 1000 + 1) * 1000
	while not file.exists(cfg.enough) do
		local first = n
		for _ = 1, math.random(1, 20) do
			m:push("n", n)
			n = n + 1
		end
		file.append(cfg.notes, ("%d %d\n"):format(first, n - 1))
		sleep("1ms")
		if n % 1000 > 900 then return end
	end
end)
END

my $broker = start_broker(persistence => 1);
my $sub    = subscribe($broker, topic => 'GW-1/messages/json', id => 'watcher', keep => 1);
my $notes  = temp_dir() . '/notes';
my $enough = "$notes.enough";
my $neap   = start_neap(write_config($broker, scripts => { 'numbers.lua' => $SCRIPT },
    broker => { reconnect => '{ min: 100ms, max: 200ms }' },
    more   => "params: { numbers: { notes: $notes, enough: $enough } }\n"));

for my $kill (1 .. $KILLS) {
    my $before = -s $notes // 0;
    # a moment at random in the first steps of a life, or while samples flow
    wait_for(sub { (-s $notes // 0) > $before }, 30, "samples before kill $kill") if rand() < 0.7;
    sleep(rand 0.05);
    $neap->kill9;
    $broker->stop if $kill % 10 == 0;
    $neap->again;
    $broker->again || die 'the port is taken' if $kill % 10 == 0;
}
spew($enough, '');
$neap->wait_state('connected', 60);
wait_for(sub { my $s = $neap->status; $s && !grep { $_->{waiting} + $_->{in_flight} } @{ $s->{policies} } }, 120, 'the queue to drain');
my $lost = 0;
for my $policy (@{ $neap->status->{policies} }) {
    $lost += $_ for values %{ $policy->{lost} };
}
is($lost, 0, 'nothing counts as lost');
is($neap->stop, 0, 'a clean stop');

my %accepted;
for my $line (split /\n/, slurp($notes)) {
    next if $line !~ /^(\d+) (\d+)$/;
    $accepted{$_} = 1 for $1 .. $2;
}
my $arrived = sub { scalar keys %{ { map { $_ => 1 } values_of('m.n', $sub->payloads) } } };
wait_for(sub { $arrived->() >= keys %accepted }, 30, 'the subscriber') if $arrived->() < keys %accepted;
my (%seen, $twice);
$seen{$_}++ for values_of('m.n', $sub->payloads);
$twice += $_ - 1 for values %seen;
my @missing = sort { $a <=> $b } grep { !$seen{$_} } keys %accepted;
is(join(' ', @missing[0 .. ($#missing > 20 ? 20 : $#missing)]), '', 'every accepted sample arrived');
my @strange = grep { !$accepted{$_} } keys %seen;
note(sprintf '%d kills: %d accepted, %d more arrived that were not noted yet, %d sent twice',
    $KILLS, scalar keys %accepted, scalar @strange, $twice // 0);
cmp_ok(scalar keys %accepted, '>', $KILLS, 'there was something to lose');

done_testing();
