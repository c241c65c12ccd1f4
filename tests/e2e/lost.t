#!/usr/bin/perl
# A loss is told to the server: policy, reason, how many and from when to when, by the agent that lost and by the one after it.
use strict;
use warnings;
use NeapTest;
use Test::More;

my $broker = start_broker(users => { 'GW-1' => 'secret' });
my $relay  = start_relay($broker);
my $sub    = subscribe($broker, topic => 'GW-1/messages/json');
my $config = write_config($broker, port => $relay->port, more => "agent: { asset: neap }\n", scripts => { 'm.lua' => <<'END' });
policy("trend", { flush = "1s", limit = "64KB", full = "drop_oldest" })
policy("other", { flush = "1s", limit = "64KB", full = "drop_newest" })
local m = asset("m")
m:variable("a", { type = "int", policy = "trend" })
m:variable("b", { type = "int", policy = "other" })
local n = 0
m:command("fill", { params = { count = { type = "int" } }, timeout = "60s", run = function(p)
	for i = 1, p.count do
		n = n + 1
		m:push("a", n)
		m:push("b", n)
		if i % 100 == 0 then sleep(0.01) end
	end
end })
END
my $dir  = $config =~ s{/[^/]*$}{}r;
my $neap = start_neap($config);

# value of each datapoint of a path that came, with its timestamp
sub datapoints {
    my ($path) = @_;
    my @points;
    for my $payload ($sub->payloads) {
        push(@points, map { @{ $_->{$path} // [] } } @{ decode($payload) });
    }
    return @points;
}

# each once: a read sends the last one again
sub reports { my %seen; return map { decode($_) } grep { !$seen{$_}++ } map { $_->{value} } datapoints('neap.lost') }

sub lost {
    my ($policy, $reason) = @_;
    my ($queue) = grep { $_->{name} eq $policy } @{ $neap->status->{policies} };
    return $queue->{lost}{$reason} // 0;
}

sub sum { my ($policy, $sum) = (shift, 0); $sum += $_->{count} for grep { $_->{policy} eq $policy } @_; return $sum }

sub fill { return is((run_neap('task', '-c', $config, 'command', 'm.fill', "count=$_[0]"))[0], 0, "$_[0] samples of each") }

sub outage { $relay->command('refuse'); $relay->command('cut'); return }

$neap->wait_state('connected');
is((run_neap('task', '-c', $config, 'read', 'neap.lost'))[2], "neap task: neap.lost: nothing was lost since the agent's start\n",
    'neap.lost can be read: nothing yet');
outage();
my $before = 1000 * time;
fill(6000);
my ($oldest, $newest) = (lost('trend', 'drop_oldest'), lost('other', 'drop_newest'));
cmp_ok($oldest, '>', 0, "drop_oldest: $oldest lost");
cmp_ok($newest, '>', 0, "drop_newest: $newest lost");
$relay->command('accept');
wait_for(sub { reports() >= 2 }, 40, 'two reports');
my %report = map { $_->{policy} => $_ } reports();
is(scalar reports(), 2, 'one report for each policy');
is($report{trend}{reason}, 'drop_oldest', 'trend: the reason');
is($report{trend}{count},  $oldest,       'trend: the count');
is($report{other}{reason}, 'drop_newest', 'other: the reason');
is($report{other}{count},  $newest,       'other: the count');
for my $policy (qw(trend other)) {
    my ($first, $last) = @{ $report{$policy} }{qw(first last)};
    cmp_ok($first, '>=', $before - 3000, "$policy: the first is of the outage");
    cmp_ok($first, '<=', $last,          "$policy: and not behind the last");
    cmp_ok($last,  '<=', 1000 * time + 1000, "$policy: which is no later than now");
}
wait_for(sub { my $s = $neap->status; !grep { $_->{waiting} || $_->{in_flight} } @{ $s->{policies} } }, 60, 'the queues to drain');
my %seen = map { $_->{value} => 1 } datapoints('m.a');
is(scalar(keys %seen) + $oldest, 6000, 'what was delivered and what was reported is all that was pushed');
like((run_neap('task', '-c', $config, 'read', 'neap.lost'))[1], qr/^neap\.lost = "\{/, 'a read gives the last report');

# lost by a process that is killed before it can tell
outage();
fill(4000);
wait_for(sub { slurp("$dir/state/events.log") =~ /samples are being lost.*samples are being lost.*samples are being lost.*samples are being lost/s },
    20, 'the second loss in the journal');
my $all = lost('trend', 'drop_oldest');
wait_for(sub { (grep { $_->{unsynced} } @{ $neap->status->{policies} }) ? 0 : 1 }, 30, 'the counters to be on disk');
$neap->kill9;
$relay->command('accept');
$neap->again;
wait_for(sub { sum('trend', reports()) >= $all }, 40, 'the report of what the killed process lost');
is(sum('trend', reports()), $all, 'the next process tells it, once');
is(sum('trend', reports()), lost('trend', 'drop_oldest'), 'and the sum is the counter');
my ($status, $out) = run_neap('log', '--journal', '-c', $config);
like($out, qr/loss   trend: $oldest samples lost: drop_oldest/, 'the journal of events has it too');
my $count = () = reports();
is($neap->stop, 0, 'a clean stop');
$neap->again->wait_state('connected');
fill(1);
wait_for(sub { my @a = datapoints('m.a'); $a[-1]{value} == 1 }, 40, 'a sample of the third process');
is(scalar(() = reports()), $count, 'nothing is told again');
$neap->stop;
unlike((slurp("$dir/state/events.log") =~ /.* start (.*)/s)[0], qr/ loss /, 'nor noted');

done_testing();
