# `neap hold`: tasks wait or are refused while somebody works on the machine. `neap tasks refused`: what could not be done.
use strict;
use warnings;
use Test::More;
use NeapTest;

my $lua = <<'LUA';
local machine = asset("machine")
machine:command("go", { params = { n = { type = "int" } }, ttl = "1h", run = function(p) log.info("go", p.n) end })
LUA
my $broker = start_broker();
my $sub    = subscribe($broker, topic => '+/acks/json');

sub acks {
    my ($uid) = @_;
    return map { $_->{status} . (defined $_->{message} ? ": $_->{message}" : '') }
        grep { $_->{uid} eq $uid } map { @{ decode($_) } } $sub->payloads;
}

sub go {
    my ($serial, $n) = @_;
    publish($broker, "$serial/tasks/json", qq([{"uid":"$serial-$n","command":{"id":"machine.go","params":{"n":$n}}}]));
    return;
}

sub config {
    my ($serial, $more) = @_;
    return write_config($broker, serial => $serial, scripts => { 'machine.lua' => $lua }, more => "dialect: current\n$more");
}

subtest 'tasks wait' => sub {
    my $config = config('GW-1', '');
    my $neap   = start_neap($config);
    $neap->wait_state('connected');
    is((run_neap('hold', '-c', $config, 'tasks', '1h'))[0], 0, 'neap hold tasks 1h');
    go('GW-1', 1);
    my $status = wait_for(sub { my $s = $neap->status; $s->{tasks}{running} == 1 && $s }, 20, 'the task');
    cmp_ok($status->{tasks}{held_s}, '>', 3500, 'the status tells for how long');
    like((run_neap('status', '-c', $config))[1], qr/^ +held for another 59m\S*: neap hold off ends it$/m, '... people too');
    $neap->kill9;
    $neap->again;
    $neap->wait_state('connected');
    go('GW-1', 2);
    $status = wait_for(sub { my $s = $neap->status; $s->{tasks}{running} == 2 && $s }, 20, 'both tasks, after a restart');
    ok($status->{tasks}{held_s}, 'they are still held');
    unlike($neap->log, qr/go\s+\d/, 'none has started');
    is((run_neap('hold', '-c', $config, 'off'))[0], 0, 'neap hold off');
    $neap->wait_log(qr/go\s+1\n(?s:.*)go\s+2\n/);
    wait_for(sub { acks('GW-1-1') && acks('GW-1-2') }, 20, 'their acknowledgements');
    is_deeply([ acks('GW-1-1'), acks('GW-1-2') ], [ 'OK', 'OK' ], 'then they are done');
    is($neap->status->{tasks}{held_s}, undef, 'and nothing is held');
    is((run_neap('hold', '-c', $config, 'tasks', '200ms'))[0], 0, 'a short hold');
    go('GW-1', 3);
    wait_for(sub { acks('GW-1-3') }, 20, 'the end of the hold');
    is($neap->stop, 0, 'a clean stop');
};

subtest 'tasks are refused' => sub {
    my $config = config('GW-2', "tasks: { hold: refuse }\n");
    my $neap   = start_neap($config);
    $neap->wait_state('connected');
    is((run_neap('hold', '-c', $config, 'tasks', '30m'))[0], 0, 'neap hold tasks 30m');
    go('GW-2', 1);
    wait_for(sub { acks('GW-2-1') }, 20, 'the refusal');
    like((acks('GW-2-1'))[0], qr/^ERROR: held for another (30m|29m\d+s): somebody works on the machine$/, 'the server is told');
    run_neap('hold', '-c', $config, 'off');
    go('GW-2', 2);
    wait_for(sub { acks('GW-2-2') }, 20, 'the next task');
    is_deeply([ acks('GW-2-2') ], ['OK'], 'then they are done again');
    is($neap->stop, 0, 'a clean stop');
};

subtest 'the agent tells of it' => sub {
    my $data   = subscribe($broker, topic => 'GW-5/messages/json');
    my $config = config('GW-5', "agent: { asset: neap }\n");
    my $told   = sub { return join(' ', map { /"neap\.held":(\w+)/g } $data->payloads) };
    my $neap   = start_neap($config);
    wait_for(sub { $told->() eq 'false' }, 20, 'the first report');
    is((run_neap('hold', '-c', $config, 'tasks', '1h'))[0], 0, 'neap hold tasks 1h');
    wait_for(sub { $told->() eq 'false true' }, 20, 'the beginning');
    is((run_neap('hold', '-c', $config, 'off'))[0], 0, 'neap hold off');
    wait_for(sub { $told->() eq 'false true false' }, 20, 'the end');
    is((run_neap('task', '-c', $config, 'read', 'neap.held'))[1], "neap.held = false\n", 'it can be read');
    is($neap->stop, 0, 'a clean stop');
};

is((run_neap('hold', '-c', config('GW-3', ''), @$_))[0], 2, "neap hold @$_: a usage error")
    for [], ['tasks'], [ 'tasks', 'soon' ], [ 'tasks', '0s' ], ['on'];
is((run_neap('hold', '-c', config('GW-3', ''), 'off'))[0], 1, 'without an agent it fails');

subtest 'refused payloads' => sub {
    my $config = config('GW-4', '');
    my $neap   = start_neap($config);
    $neap->wait_state('connected');
    is((run_neap('tasks', '-c', $config, 'refused'))[1], '', 'none yet');
    publish($broker, 'GW-4/tasks/json', '[{"uid":"x1","read":["machine.go"]},{"uid":"x2","read":"machine.go"}]');
    publish($broker, 'GW-4/tasks/json', "[{\"uid\":\"x3\",\"read\":[\"a.\xff\"]}]");
    wait_for(sub { acks('x2') && $neap->log =~ /UTF-8/ }, 20, 'the refusals');
    my ($status, $out, $err) = run_neap('tasks', '-c', $config, 'refused');
    is($status, 0, 'neap tasks refused');
    like($out, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ  69 bytes\n  byte 55: task x2: "read" takes an array of paths, not a string\n  (.{30})"machine\.go"\}\]\n {32}\^\n/, 'the place is shown');
    like($out, qr/\n  byte \d+: .*UTF-8.*\n  \[\{"uid":"x3","read":\["a\.\."\]\}\]\n +\^\n/, 'bytes that cannot be shown are dots');
    my $list = decode((run_neap('tasks', '-c', $config, 'refused', '--json'))[1]);
    is(scalar(@$list), 2, 'as JSON too');
    is($list->[0]{offset}, 55, 'with the offset');
    is($neap->stop, 0, 'a clean stop');
    is((run_neap('tasks', '-c', $config, 'refused'))[1], $out, 'the same without an agent, from its file');
};
done_testing();
