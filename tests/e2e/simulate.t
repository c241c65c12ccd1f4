#!/usr/bin/perl
# neap simulate: figures that can be worked out by hand, outages, fakes, what is made up.
use strict;
use warnings;
use NeapTest;
use Test::More;
use Time::HiRes qw(time);

# One variable every 10 s, alternating, sent each minute in bodies of form A.
my $tank = <<'LUA';
policy("minute", { flush = "1m" })
policy("small", { flush = "1h", limit = "64KB", full = "drop_oldest" })
local tank = asset("tank")
tank:variable("level", { every = "10s", policy = "minute", read = function() return tonumber(file.read("/run/level")) end })
tank:variable("state", { every = "1m", policy = "small", type = "boolean", report = { change = 0, heartbeat = "1h" },
	read = function() return file.exists("/run/on") end })
LUA
my $fakes = <<'LUA';
local t = require "test"
t.file("/run/level", "42\n")
t.file("/run/on", false)
t.case("not run in a simulation", function() t.failed("no") end)
LUA

sub simulate {
    my ($scripts, @arguments) = @_;
    my $config = write_config(undef, scripts => $scripts, more => "dialect: current\n");
    my ($status, $out, $err) = run_neap('simulate', '-c', $config, '--json', @arguments);
    my $got = $status == 2 && $out eq '' ? {} : decode($out);
    return ($status, $got, { map { $_->{name} => $_ } @{ $got->{policies} // [] } }, $err);
}

my ($status, $got, $of, $err) = simulate({ 'tank.lua' => $tank, 'tank_test.lua' => $fakes }, '-d', '2d');
is_deeply([ $status, $err ], [ 0, '' ], 'two days');
is($of->{minute}{samples}, 2 * 8640 + 1, 'a sample every 10 s');
is($of->{small}{samples}, 2 * 24 + 1, 'by exception: one an hour, by its heartbeat');
cmp_ok(abs($of->{minute}{messages} - 2880), '<=', 2880 * 0.2, 'a message each minute, from its first sample on');
is($of->{minute}{delivered} + $of->{minute}{waiting}, $of->{minute}{samples}, 'what is not delivered waits');
is($of->{minute}{lost} + $of->{small}{lost}, 0, 'nothing is lost');
cmp_ok($of->{minute}{body_bytes} / $of->{minute}{samples}, '>', 15, 'bytes of bodies');
cmp_ok($of->{minute}{wire_bytes}, '>', $of->{minute}{body_bytes} + 2880 * 0.8 * 150, '... and more on the wire');
is_deeply([ @{$got}{qw(days warned made_up warnings)} ], [ 2, 0, [], [] ], 'nothing made up, no warning');
is($got->{link}{connects}, 1, 'one connect');

# --- an outage: nothing leaves, small's queue overflows ---
my %flood = ('flood.lua' => $tank =~ s/every = "1m", policy = "small"(.*?)report = \{.*?\}/every = "1s", policy = "small"$1timeout = "1s"/sr,
    'flood_test.lua' => $fakes);
($status, $got, $of) = simulate(\%flood, '-d', '1d', '--outage', '1h+12h');
is($got->{link}{down_s}, 12 * 3600, 'an outage of 12 h');
is($got->{link}{connects}, 2, '... and a second connect');
is($of->{minute}{delivered} + $of->{minute}{waiting}, 8641, '... of which minute loses nothing');
cmp_ok($of->{small}{lost}, '>', 20000, '... and small what its 64 KB do not hold');
is($of->{small}{delivered} + $of->{small}{waiting} + $of->{small}{lost}, $of->{small}{samples}, 'each sample has its place');
cmp_ok($of->{small}{peak_bytes}, '<=', 64 * 1024, 'the limit holds');
cmp_ok($of->{minute}{flash_bytes}, '>', 0, 'the outage is written to flash');

# --- what nothing stands for is made up, the same each time ---
my ($s1, $one) = simulate({ 'tank.lua' => $tank });
my ($s2, $two) = simulate({ 'tank.lua' => $tank });
is_deeply($one->{made_up}, [ 'tank.level (file.read("/run/level"))', 'tank.state (file.exists("/run/on"))' ], 'made up, and it says so');
is($one->{policies}[$_]{samples}, $two->{policies}[$_]{samples}, 'the same samples each time') for 0 .. $#{ $one->{policies} };

# --- the tutorial's machine, a week, as text ---
my $config = write_config(undef, scripts => { 'machine.lua' => slurp(root_dir() . '/examples/machine.lua') });
my $began = time;
($status, my $out, $err) = run_neap('simulate', '-c', $config, '-d', '7d', '--outage', '2h/1d');
note(sprintf('a week took %.1f s', time - $began));
is_deeply([ $status, $err ], [ 0, '' ], 'a week of the machine') or diag($err);
like($out, qr/^7d from 2026-01-01 00:00 UTC on$/m, 'the span');
like($out, qr/^a day, by policy +samples +messages +bodies on the wire +flash +writes +peak$/m, 'a table');
like($out, qr/^default +17280 /m, '... of its policies');
like($out, qr/^The link: down for 14h in all, 8 connects/m, 'the link');
like($out, qr/^All on the wire: [\d.]+ MB a day, [\d.]+ MB in 30 days/m, 'what it costs');

# --- what is wrong ---
($status, $out, $err) = run_neap('simulate', '-c', $config, '-d', 'soon');
is_deeply([ $status, $out, $err ], [ 2, '', "neap simulate: -d soon is no time such as 7d\n" ], 'no time');
($status, $out, $err) = run_neap('simulate', '-c', $config, '--outage', '2h');
is($status, 2, 'no outage');
like($err, qr{^neap simulate: --outage: "2h" is no outage: "1d\+6h" is one}, '... and what is one');
($status, $got, $of, $err) = simulate({ 'tank.lua' => $tank, 'bad.lua' => 'asset(' });
is($status, 2, 'a script that does not load: status 2');
like($err, qr{/bad\.lua:1: }, '... said');
is($of->{minute}{samples}, 8641, '... and the others run') or diag(explain($of));
done_testing;
