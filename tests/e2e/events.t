#!/usr/bin/perl
# The journal of events: what happened is on disk, in the order in which it did, and can be read with and without an agent.
use strict;
use warnings;
use NeapTest;
use Test::More;

my $broker = start_broker(users => { 'GW-1' => 'secret' });
my $relay  = start_relay($broker);
my $config = write_config($broker,
    port     => $relay->port,
    scripts  => { 'machine.lua' => slurp(root_dir() . '/examples/machine.lua') },
    more     => "policies: { default: { limit: 64KB } }\n");
my $dir = $config =~ s{/[^/]*$}{}r;

sub journal {
    my ($status, $out, $err) = run_neap('log', '--journal', '--json', '-c', $config);
    is("$status$err", '0', 'neap log --journal --json');
    return map { decode($_) } split /\n/, $out;
}

sub kinds { return join ' ', map { $_->{kind} } @_ }

is_deeply([ run_neap('log', '--journal', '-c', $config) ], [ 0, '', '' ], 'no journal yet: nothing, and no error');

my $neap = start_neap($config);
$neap->wait_state('connected');
$relay->command('refuse');
$relay->command('cut');
wait_for(sub { my $s = $neap->status; $s && $s->{link}{state} eq 'waiting' }, 20, 'the loss');
my @events = journal();
like(kinds(@events), qr/^start link link/, 'read beside the running agent');
like($events[0]{text}, qr/^neap \S+: the first one here$/, 'the first start');
like($events[1]{text}, qr/^connected to tcp:/, 'the way up');
like($events[2]{text}, qr/^lost: \S/, 'the way down, and why');
ok($events[0]{time_ms} > 1.7e12 && $events[0]{uptime_ms} > 0, 'with their times');
is(scalar(grep { $_->{text} =~ /^failed: / } @events), scalar(do { my %t; grep { !$t{$_->{text}}++ && $_->{text} =~ /^failed/ } @events }),
    'a try that fails as the last one did is not told again');
$relay->command('accept');
$neap->wait_state('connected');

spew("$dir/scripts/machine.lua", slurp("$dir/scripts/machine.lua") . "-- another\n");
is((run_neap('reload', '-c', $config))[0], 0, 'neap reload');
spew("$dir/scripts/machine.lua", "x = = 1\n");
is((run_neap('reload', '-c', $config))[0], 1, 'neap reload of nonsense');
is(join("\n", map { $_->{text} } grep { $_->{kind} eq 'script' } journal()),
    "machine: reloaded (command)\nmachine: refused (command)", 'both are told');

$neap->kill9;
is($neap->again->wait_state('connected')->{link}{state}, 'connected', 'again after a kill');
is($neap->stop, 0, 'a clean stop');
@events = journal();
is(kinds(@events[-4 .. -1]), 'start script link stop', 'read without an agent');
like($events[-4]{text}, qr/killed, or crashed$/, 'the start says that the process before was killed');
like($events[-3]{text}, qr{machine\.lua:1: unexpected symbol}, 'a script that does not load');
is($events[-1]{text}, 'Terminated', 'why it stopped');
my ($status, $out) = run_neap('log', '--journal', '-c', $config);
like($out, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ start  neap \S+: the first one here\n/, 'for people');

# os.time: ThreadSanitizer keeps signals back until the next call into libc
spew("$dir/scripts/machine.lua", <<'END');
every("1s", "loop", function() while true do os.time() end end)
END
$neap->again->wait_log(qr/scripts\.budget|budget/, 30);
wait_for(sub { grep { $_->{kind} eq 'limit' } journal_quietly() }, 20, 'the limit in the journal');
$neap->stop;
pass('a handler that was ended is told');

# what a power cut may leave: a torn line
my $log = slurp("$dir/state/events.log");
spew("$dir/state/events.log", substr($log, 0, length($log) - 20));
my $from = length $neap->log;
$neap->again->wait_log(qr/runs as/, 20, $from);
$neap->stop;
@events = journal();
like($events[-2]{kind} . $events[-3]{kind}, qr/start|script|disk/, 'what comes after a torn line can be read');
ok((grep { $_->{text} eq '1 damaged lines in the journal of events' } @events), 'and the damage is told');

sub journal_quietly {
    my ($code, $text) = run_neap('log', '--journal', '--json', '-c', $config);
    return map { decode($_) } split /\n/, $text;
}

done_testing();
