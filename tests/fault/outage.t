#!/usr/bin/perl
# A million samples while the broker is away, with next to no memory for them: they wait on disk. Then all arrive, each path
# in its order, and what is fresh does not wait behind them.
use strict;
use warnings;
use JSON::PP ();
use NeapTest;
use Test::More;

my $TOTAL = $ENV{NEAP_SAMPLES} // ($ENV{NEAP_RUN} ? 20_000 : ($ENV{NEAP_BIN} // '') =~ /rel|^$/ ? 1_000_000 : 100_000);
my $PATHS = 4;

my $SCRIPT = <<'END';
local cfg = params { total = 0, paths = 1, go = "", fresh = "" }
policy("trend", { flush = "100ms", max_samples = 500, limit = "200MB" })
local m = asset("m")
for p = 1, cfg.paths do m:variable("p" .. p, { type = "int", policy = "trend" }) end
m:variable("fresh", { type = "int", policy = "trend" })
on("start", function()
	while not file.exists(cfg.go) do sleep("20ms") end
	for n = 1, cfg.total do
		m:push("p" .. n % cfg.paths + 1, n)
		if n % 1000 == 0 then sleep(0) end
	end
	log.info("pushed", cfg.total)
	while not file.exists(cfg.fresh) do sleep("20ms") end
	for n = 1, 100000 do
		m:push("fresh", n)
		sleep("50ms")
	end
end)
END

sub rss_kb { return slurp("/proc/$_[0]/smaps_rollup") =~ /^Rss:\s+(\d+) kB/m ? $1 : 0 }

my $broker = start_broker();
my $flags  = temp_dir();
my $config = write_config($broker, scripts => { 'flood.lua' => $SCRIPT },
    broker => { reconnect => '{ min: 100ms, max: 200ms }' });
my $text = slurp($config);
$text =~ s/^queue: \{ (dir: \S+) \}/queue: { $1, memory: 64KB, limit: 300MB }/m or die $text;
spew($config, $text . "params: { flood: { total: $TOTAL, paths: $PATHS, go: $flags/go, fresh: $flags/fresh } }\npayload: { max_bytes: 1000 }\n");
my $neap = start_neap($config);
$neap->wait_state('connected');
$broker->stop;
$neap->wait_state('waiting');
my $before = rss_kb($neap->pid);
spew("$flags/go", '');
$neap->wait_log(qr/pushed $TOTAL/, 300);
my $status = $neap->status;
my ($trend) = grep { $_->{name} eq 'trend' } @{ $status->{policies} };
is($trend->{waiting}, $TOTAL, "$TOTAL samples wait");
my $after = rss_kb($neap->pid);
note("RSS $before KB before, $after KB after; $trend->{bytes} bytes on disk in $trend->{segments} segments");
SKIP: {
    skip 'the sanitizers and valgrind keep memory of their own', 1 if $ENV{NEAP_RUN} || ($ENV{NEAP_BIN} // '') =~ /asan|tsan/;
    cmp_ok($after - $before, '<', 2048, 'they take less than 2 MB of memory');
}

$broker->again or die 'the port is taken';
my $sub = subscribe($broker, topic => 'GW-1/messages/json');
spew("$flags/fresh", '');
$neap->wait_state('connected', 60);
wait_for(sub { $neap->status->{sent}{samples} >= $TOTAL }, 300, 'the backlog to drain');
wait_for(sub { my ($p) = grep { $_->{name} eq 'trend' } @{ $neap->status->{policies} }; $p->{backlog} == 0 && $p->{delivered} >= $TOTAL },
    300, 'all of it');
is($neap->stop, 0, 'a clean stop');

# by hand: a JSON parser would take longer than neap
my (%last, %count, %seen, $disorder, $first_fresh, $bodies);
for my $body ($sub->payloads) {
    $bodies++;
    while ($body =~ /\{"m\.(p\d+|fresh)":\[(.*?)\]\}/g) {
        my ($path, $points) = ($1, $2);
        for my $n ($points =~ /"value":"(\d+)"/g) {
            $first_fresh //= $bodies if $path eq 'fresh';
            next if $path eq 'fresh' || $seen{$n}++;
            $disorder++ if $n < ($last{$path} // 0);
            $last{$path} = $n;
            $count{$path}++;
        }
    }
}
my $sum = 0;
$sum += $_ for values %count;
is($sum, $TOTAL, 'all arrived');
is($disorder // 0, 0, 'each path in its order');
cmp_ok($first_fresh // 1e9, '<', $bodies / 2, "fresh samples came while the backlog drained: in body @{[$first_fresh // 0]} of $bodies");
done_testing();
