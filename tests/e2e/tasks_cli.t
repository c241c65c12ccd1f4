# `neap task`: a task by hand takes the server's way, and says what came of it.
use strict;
use warnings;
use Test::More;
use NeapTest;

my $lua = <<'LUA';
local machine = asset("machine")
machine:variable("temperature", { read = function() return 23.5 end })
machine:variable("name", { type = "string", read = function() return 'a "b"\n' end })
machine:variable("broken", { read = function() error("no sensor", 0) end })
machine:setting("threshold", { type = "int", default = 30, min = 0, max = 100 })
machine:setting("mode", { type = "string", default = "a" })
machine:setting("on", { type = "boolean", default = false })
machine:command("reset", { params = { delay = { type = "int", default = 0, min = 0, max = 60 } },
	run = function(p) log.info("reset", p.delay) end })
machine:command("wait", { timeout = "1m", run = function() log.info("waits"); sleep(60) end })
LUA
my $broker = start_broker();
my $sub    = subscribe($broker, topic => 'GW-1/messages/json');
my $config = write_config($broker, scripts => { 'machine.lua' => $lua });

is_deeply([ (run_neap('task', '-c', $config, 'read', 'machine.temperature'))[ 0, 1 ] ], [ 1, '' ], 'without an agent it fails');

my $neap = start_neap($config);
$neap->wait_state('connected');

sub task { return run_neap('task', '-c', $config, @_) }

# arguments, exit status, output, errors
my @table = (
    [['read', 'machine.temperature', 'machine.name'], 0, qr/^machine\.temperature = 23\.5\nmachine\.name = "a \\"b\\"\\n"\n$/, qr/^$/],
    [['read', 'machine.temperature', 'machine.broken'], 1, qr/^machine\.temperature = 23\.5\n$/, qr/^neap task: machine\.broken: no sensor\n$/],
    [['read', 'machine.temprature'], 1, qr/^$/, qr/did you mean "machine\.temperature"/],
    [['write', 'machine.threshold=25', 'machine.mode=x=y', 'machine.on=true'], 0, qr/^machine\.threshold = 25\nmachine\.mode = "x=y"\nmachine\.on = true\n$/, qr/^$/],
    [['write', 'machine.threshold=900'], 1, qr/^$/, qr/^neap task: machine\.threshold: 900 is above its maximum 100\n$/],
    [['write', 'machine.threshold'], 2, qr/^$/, qr/NAME=VALUE expected, not "machine\.threshold"/],
    [['command', 'machine.reset', 'delay=7'], 0, qr/^OK\n$/, qr/^$/],
    [['command', 'machine.reset', 'dely=7'], 1, qr/^$/, qr/no parameter "dely" \(did you mean "delay"\?\)/],
    [['raw', '[{"uid":"u1","read":["machine.temperature"]}]'], 0, qr/^machine\.temperature = 23\.5\nu1: OK\n$/, qr/^$/],
    [['raw', '[{"uid":"u1","read":["machine.temperature"]}]'], 0, qr/^u1: OK \(seen before, not done again\)\n$/, qr/^$/],
    [['raw', '[{"uid":"u2","read":["machine.temperature"]},{"uid":"u3"}'], 1, qr/^machine\.temperature = 23\.5\nu2: OK\n$/, qr/refused: byte 45: task u3: /],
    [['raw', '[{"uid":"u4","write":[{"machine.threshold":26}}]}]'], 0, qr/^machine\.threshold = 26\nu4: OK\n$/, qr/byte \d+: a closing bracket/],
    [['--dry-run', 'read', 'machine.temperature'], 0, qr/^read machine\.temperature \(machine\.lua:2\)\n$/, qr/^$/],
    [['--dry-run', 'write', 'machine.threshold=1'], 0, qr/^write machine\.threshold = 1 \(machine\.lua:5\)\n$/, qr/^$/],
    [['--dry-run', 'write', 'machine.threshold=1', 'machine.temperature=2'], 1, qr/^write machine\.threshold = 1 /, qr/machine\.temperature is a variable: only settings can be written/],
    [['--dry-run', 'command', 'machine.reset'], 0, qr/^command machine\.reset delay=0 \(machine\.lua:8\)\n$/, qr/^$/],
    [['--json', 'raw', '[{"uid":"u5","read":["machine.broken"]}]'], 1, qr/^\{"refused":\[\],"tasks":\[\{"uid":"u5","status":"ERROR","message":"machine\.broken: no sensor"\}\],"values":\[\]\}\n$/, qr/^$/],
    [['reed', 'x'], 2, qr/^$/, qr/^usage: neap task /],
    [[], 2, qr/^$/, qr/^usage: neap task /],
);
for my $row (@table) {
    my ($args, $expected, $out_like, $err_like) = @$row;
    my ($status, $out, $err) = task(@$args);
    my $name = "neap task @$args";
    is($status, $expected, "$name: the exit status") or diag($out, $err);
    like($out, $out_like, '... the result');
    like($err, $err_like, '... the messages');
}
my @resets = $neap->log =~ /reset\s+(\d+)$/mg;
is("@resets", '7', 'a dry run runs nothing');
is((grep { /"machine\.threshold"/ } $sub->payloads) >= 3, 1, 'the values went to the server too');
my ($status, $out) = run_command(\'[{"uid":"u6","read":["machine.temperature"]}]', split(' ', $ENV{NEAP_RUN} // ''),
    $ENV{NEAP_BIN} // root_dir() . '/build/rel/neap', 'task', '-c', $config, 'raw', '-');
is($out, "machine.temperature = 23.5\nu6: OK\n", 'a payload from standard input');

# One who waits hears of the stop; the task stays accepted, and is interrupted.
my $waiter = start_program({ name => 'waiter', run => 1 }, $ENV{NEAP_BIN} // root_dir() . '/build/rel/neap',
    'task', '-c', $config, 'command', 'machine.wait');
$neap->wait_log(qr/waits/);
is($neap->stop, 0, 'a clean stop');
is($waiter->wait_end, 1, 'it fails when the agent stops');
like($waiter->log, qr/neap task: (the agent stops|the agent at .*)/, 'and says so');
my $from = length $neap->log;
$neap->again;
$neap->wait_log(qr/interrupted: neap stopped while it ran/, 20, $from);
is($neap->stop, 0, 'a clean stop');
done_testing();
