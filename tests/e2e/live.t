# `neap tail`, `neap trace` and `neap log`: what the agent tells live.
use strict;
use warnings;
use Test::More;
use NeapTest;

my $lua = <<'LUA';
policy("default", { flush = "300ms" })
policy("small", { flush = "1h", limit = "4KB", full = "drop_newest" })
local machine = asset("machine")
local count = 0
machine:variable("steps", { every = "100ms", unit = "V", read = function() count = count + 1 return count // 5 end,
	report = { change = 1 } })
machine:variable("broken", { every = "200ms", read = function() error("no sensor", 0) end })
machine:variable("pushed", { type = "string" })
machine:variable("many", { type = "int", policy = "small" })
machine:setting("period", { type = "int", default = 1 })
machine:command("push", { params = { text = { type = "string" } }, run = function(p) machine:push("pushed", p.text) end })
machine:command("old", { run = function() machine:push("pushed", "old", { time = now() - 60 }) end })
machine:command("fill", { run = function() for i = 1, 2000 do machine:push("many", i) end end })
every("50ms", "chatter", function() log.debug("chatter") end)
LUA
my $config = write_config(start_broker(), scripts => { 'machine.lua' => $lua });
my $neap   = start_neap($config);
$neap->wait_state('connected');
my $bin = $ENV{NEAP_BIN} // root_dir() . '/build/rel/neap';

sub neap { return run_neap($_[0], '-c', $config, @_[ 1 .. $#_ ]) }
sub follow { return start_program({ name => $_[0] }, $bin, $_[0], '-c', $config, @_[ 1 .. $#_ ]) }
sub events { return map { $_->{event} // () } map { decode($_) } grep { /^\{/ } split /\n/, $_[0] }

# --- tail ---
my ($status, $out, $err) = neap('tail', '--json', '--count', 12, 'machine.steps');
is($status, 0, 'tail ends after the count') or diag($err);
my ($first) = map { decode($_) } grep { /^\[/ } split /\n/, $out;
is($first->[0]{path}, 'machine.steps', 'it begins with what is known');
is($first->[0]{unit}, 'V', '... the unit');
cmp_ok($first->[0]{next_s}, '<=', 0.1, '... when it is read next');
my @events = events($out);
is(scalar(@events), 12, 'twelve events');
is_deeply([ grep { $_->{path} ne 'machine.steps' } @events ], [], 'of that path only');
my @reported = grep { $_->{reported} } @events;
my @kept     = grep { !$_->{reported} } @events;
cmp_ok(scalar(@reported), '>=', 2, 'some are reported');
is($reported[0]{policy}, 'default', '... with the policy');
is($kept[0]{verdict}, 'no change', 'the others say why not');
is($events[0]{quality}, 'good', 'the quality');

($status, $out) = neap('tail', '--json', '--count', 2, '*.broken');
is_deeply([ map { "$_->{quality}: $_->{error}" } events($out) ], [ ('bad: no sensor') x 2 ], 'failed reads are told, a pattern');
is((neap('tail', '--count', 'none'))[0], 2, 'a count that is none');
($status, $out, $err) = run_command('env', 'LC_ALL=C.UTF-8', $bin, 'tail', '-c', $config, '--count', 12, 'machine.steps', 'machine.broken');
like($out, qr/^\d\d:\d\d:\d\d machine\.steps +\d+ +[▁-█]* +good/m, 'for people: a sparkline');
like($out, qr/machine\.broken +- .* bad: no sensor$/m, '... the error');
like($out, qr/[\x{2581}\x{2588}]/, '... in UTF-8') if utf8::decode($out);
($status, $out, $err) = run_command('env', 'LC_ALL=C', $bin, 'tail', '-c', $config, '--count', 12, 'machine.steps');
like($out, qr/^[\x20-\x7e\n]*$/, 'nothing but ASCII elsewhere');
is((sort { $b <=> $a } map { length } split /\n/, $out)[0] <= 80, 1, 'a line fits 80 columns');

my $tail = follow('tail', 'machine.pushed', 'nothing.*');
wait_for(sub { neap('task', 'command', 'machine.push', 'text=hello'); $tail->log =~ /machine\.pushed +hello .*good/ }, 20, 'what is pushed');
neap('task', 'command', 'machine.old');
$tail->wait_log(qr/machine\.pushed +old .*good, 1m old/, 20);
neap('task', 'read', 'machine.steps');
unlike($tail->log, qr/machine\.steps/, 'and nothing else');
$tail->signal('INT');
is($tail->wait_end, 0, 'Ctrl-C ends it well');
$tail = follow('tail', 'nothing.*');
$tail->wait_log(qr/no path that is declared now fits; waiting/, 20);
$tail->stop;

# --- who does not read holds nothing up, and is told what it missed ---
my $slow = follow('tail', '--json', 'machine.many');
$slow->wait_log(qr/^\[/m);
$slow->signal('STOP');
for (1 .. 6) { neap('task', 'command', 'machine.fill') }
is((neap('task', 'read', 'machine.steps'))[0], 0, 'the agent goes on');
$slow->signal('CONT');
sub told {
    my $told = 0;
    for my $line (grep { /^\{.*\}$/ } $slow->lines) { $told += $line =~ /"dropped":(\d+)/ ? $1 : 1 }
    return $told;
}
my $all = eval { wait_for(sub { told() == 12_000 }, 30, 'all to be told') };
ok($all, 'told and left out are all') or diag(told());
like($slow->log, qr/"dropped":\d+/, 'some were left out');
like($slow->log, qr/"verdict":"lost, the queue is full"/, 'what found no place is told too');
$slow->stop('INT');

# --- trace ---
($status, $out, $err) = neap('trace', '--json', '--count', 60, 'machine.steps');
is($status, 0, 'trace') or diag($err);
($first) = map { decode($_) } grep { /"sensors"/ } split /\n/, $out;
is($first->{where}, 'machine.lua:5', 'it begins with the place');
@events = events($out);
my %of;
push(@{ $of{ $_->{seq} } }, $_->{event}) for grep { defined $_->{seq} } @events;
my @ways = grep { $_->[-1] eq 'acknowledged' && $_->[0] eq 'queued' } values %of;
cmp_ok(scalar(@ways), '>=', 1, 'samples came to their end');
is_deeply($ways[0], [qw(queued sent acknowledged)], '... by the whole way');
my %verdicts = map { ($_->{verdict} => $_->{reported}) } grep { $_->{event} eq 'read' } @events;
ok(!$verdicts{'no change'} && exists $verdicts{'no change'}, 'a read that is not reported');
ok($verdicts{changed}, 'and one that is');
($status, $out, $err) = neap('trace', 'machine.step');
is($status, 1, 'trace of nothing');
like($err, qr/machine\.step is not declared .* \(did you mean "machine\.steps"\?\)/, '... names the nearest');
is((neap('trace'))[0], 2, 'trace wants a path');
($status, $out) = neap('trace', '--json', '--count', 1, 'machine.broken');
is((events($out))[0]{error}, 'no sensor', 'a read that failed');
my $trace = follow('trace', 'machine.many');
$trace->wait_log(qr/^ +policy +small: /m);
neap('task', 'command', 'machine.fill');
$trace->wait_log(qr/lost +\d+$/m);
$trace->stop('INT');

# --- log ---
my $quiet = follow('log');
my $debug = follow('log', 'debug', 'script.machine');
$debug->wait_log(qr/^\d\d:\d\d:\d\d debug script\.machine: chatter$/m);
unlike($neap->log, qr/chatter/, 'a level for who looks on is not one for the log');
is((neap('log', '--set', 'script.machine=debug', '--for', '1s'))[0], 0, 'a level for a topic');
$neap->wait_log(qr/debug script\.machine: chatter/);
like($neap->log, qr/info log: the level of script\.machine: debug for 1s/, 'it is in the log');
my $place = $neap->wait_log(qr/the level of script\.machine: as at the start again/, 30);
$quiet->wait_log(qr/info +log: the level of script\.machine: as at the start again/);
is((neap('log', '--set', 'debug'))[0], 0, 'for all');
is((neap('log', '--set', 'default'))[0], 0, 'and back');
is((neap('log', '--set', 'mqtt=loud'))[0], 1, 'no such level');
is((neap('log', '--for', '1s'))[0], 2, '--for without --set');
is((neap('log', '--set', 'mqtt=debug', '--for', 'ever'))[0], 2, 'no time');
($status, $out) = neap('log', '--json', '--count', 2, 'debug', 'script');
is_deeply([ map { $_->{text} } events($out) ], [ ('chatter') x 2 ], 'as JSON');

# --- the agent's end ---
$tail = follow('tail');
$tail->wait_log(qr/machine\.steps/);
is($neap->stop, 0, 'a clean stop beside them');
is($tail->wait_end,  1, 'tail ends with the agent');
is($quiet->wait_end, 1, 'and log');
is($debug->wait_end, 1, 'and the other log');
like($tail->log, qr/neap tail: the agent at \S+ went away/, 'and says so');
done_testing;
