# How many tasks there may be and which wait for which; what becomes of an install that a crash cut off; tasks without a
# clock; topics of another broker.
use strict;
use warnings;
use Test::More;
use NeapTest;

my $broker = start_broker();
my $sub    = subscribe($broker, topic => '#');

sub payloads_on {
    my ($topic) = @_;
    return map { $_->{payload} } grep { $_->{topic} eq $topic } $sub->messages;
}

sub acks {
    my ($topic, $uid) = @_;
    return map { $_->{status} . (defined $_->{message} ? ": $_->{message}" : '') }
        grep { $_->{uid} eq $uid } map { @{ decode($_) } } payloads_on($topic);
}

sub acked {
    my ($topic, $uid) = @_;
    wait_for(sub { acks($topic, $uid) }, 30, "the acknowledgement of $uid");
    return join(' | ', acks($topic, $uid));
}

sub begin {
    my ($serial, $lua, $more) = @_;
    my $neap = start_neap(write_config($broker, serial => $serial, scripts => { 'machine.lua' => $lua }, more => "dialect: current\n$more"));
    $neap->wait_state('connected');
    return $neap;
}

subtest 'no more tasks than tasks.queue wait' => sub {
    my $neap = begin('Q-1', <<'END', "tasks: { queue: 2 }\n");
local machine = asset("machine")
local open = false
machine:command("wait", { timeout = "5m", run = function() while not open do sleep("20ms") end end })
asset("other"):command("open", { run = function() open = true end })
END
    publish($broker, 'Q-1/tasks/json', qq([{"uid":"w$_","command":{"id":"machine.wait"}}])) for 1 .. 3;
    is(acked('Q-1/acks/json', 'w3'), 'ERROR: busy: as many tasks as tasks.queue allows are not done yet', 'the third is refused, the server is told');
    is($neap->status->{tasks}{running}, 2, 'two are not done');
    is((run_neap('task', '-c', $neap->{config}, 'command', 'other.open'))[2],
        "neap task: busy: as many tasks as tasks.queue allows are not done yet\n", 'nor is there room for others');
    $neap->kill9;
    $neap->again;
    is(acked('Q-1/acks/json', 'w1'), 'ERROR: machine.wait: interrupted: neap stopped while it ran, and it is not declared repeatable',
        'after a crash the one that ran is not run again');
    is($neap->status->{tasks}{running}, 1, 'the one that waited is');
    is((run_neap('task', '-c', $neap->{config}, 'command', 'other.open'))[0], 0, 'now there is room');
    is(acked('Q-1/acks/json', 'w2'), 'OK', 'and it comes to its end');
    is($neap->stop, 0, 'a clean stop');
};

subtest 'an asset does one thing at a time' => sub {
    my $neap = begin('T-1', <<'END', '');
local function slow(name)
	return function() log.info("begin", name); sleep("300ms"); log.info("end", name) end
end
for _, id in ipairs({ "a", "b" }) do
	asset(id):command("one", { run = slow(id .. 1) })
	asset(id):command("two", { run = slow(id .. 2) })
end
END
    publish($broker, 'T-1/tasks/json', '[' . join(',', map { my $id = $_; map { qq({"uid":"$id$_","command":{"id":"$id.$_"}}) } qw(one two) } qw(a b)) . ']');
    is(acked('T-1/acks/json', $_), 'OK', "$_ is done") for qw(aone atwo bone btwo);
    my @steps = $neap->log =~ /machine: (\w+\s+[ab]\d)$/mg;
    s/\s+/ / for @steps;
    for my $id (qw(a b)) {
        is(join(', ', grep { /$id\d/ } @steps), "begin ${id}1, end ${id}1, begin ${id}2, end ${id}2", "in their order, one after the other: $id");
    }
    is(join(', ', sort @steps[0, 1]), 'begin a1, begin b1', 'two assets at once');
    is($neap->stop, 0, 'a clean stop');
};

subtest 'an install that a crash cut off is not begun again' => sub {
    my $neap = begin('I-1', <<'END', '');
asset("machine")
on("install", function(software) log.info("installs", software.revision); sleep("5m") end, { timeout = "10m" })
END
    publish($broker, 'I-1/tasks/json', '[{"uid":"i1","swinstall":{"type":"t","revision":"2.0","url":"https://example.com/p"}}]');
    $neap->wait_log(qr/installs\s+2\.0/);
    $neap->kill9;
    $neap->again;
    like(acked('I-1/acks/json', 'i1'), qr/^ERROR: .*interrupted: neap stopped while it ran/, 'the server is told');
    is(scalar(() = $neap->log =~ /installs/g), 1, 'the handler ran once');
    is($neap->stop, 0, 'a clean stop');
};

subtest 'without a clock no task is too old, and an answer has no time' => sub {
    my $behind = temp_dir() . '/behind';
    spew($behind, 10 * 365 * 86400);
    local $ENV{LD_PRELOAD} = ($ENV{NEAP_BUILD} // root_dir() . '/build/rel') . '/tests/clock_preload.so';
    local $ENV{NEAP_CLOCK} = $behind;
    local $ENV{ASAN_OPTIONS} = join(':', $ENV{ASAN_OPTIONS} // (), 'verify_asan_link_order=0');
    my $config = write_config($broker, serial => 'C-1', more => "dialect: current\n", scripts => { 'machine.lua' => <<'END' });
local machine = asset("machine")
machine:variable("temperature", { read = function() return 23.2 end })
machine:command("go", { ttl = "1m", run = function() end })
END
    my $neap = start_neap($config);
    delete local $ENV{LD_PRELOAD};
    $neap->wait_state('connected');
    publish($broker, 'C-1/tasks/json', '[{"uid":"c1","timestamp":1445527665027,"command":{"id":"machine.go"}}]');
    is(acked('C-1/acks/json', 'c1'), 'OK', 'a command of 2015 is done');
    publish($broker, 'C-1/tasks/json', '[{"uid":"c2","read":["machine.temperature"]}]');
    is(acked('C-1/acks/json', 'c2'), 'OK', 'a read');
    wait_for(sub { payloads_on('C-1/messages/json') }, 20, 'its answer');
    is((payloads_on('C-1/messages/json'))[0], '{"machine.temperature":23.2}', 'reference: a body without a timestamp (form B)');
    is($neap->stop, 0, 'a clean stop');
};

subtest 'an acknowledgement goes before all samples that wait, over a kill too' => sub {
    my $relay = start_relay($broker);
    $relay->command('refuse');
    my $neap = start_neap(write_config($broker, serial => 'A-1', port => $relay->port, more => "dialect: current\n",
        scripts => { 'machine.lua' => <<'END' }));
local machine = asset("machine")
policy("backlog", { flush = "1s", max_samples = 50 })
machine:variable("n", { type = "int", policy = "backlog" })
machine:command("go", { run = function()
	for n = 1, 20000 do machine:push("n", n) end
end })
END
    wait_for(sub { (run_neap('task', '-c', $neap->{config}, 'raw', '[{"uid":"a1","command":{"id":"machine.go"}}]'))[0] == 0 }, 20, 'the command');
    $neap->kill9;
    $neap->again;
    $relay->command('accept');
    like(acked('A-1/acks/json', 'a1'), qr/^OK(?: \| OK)*$/, 'the acknowledgement, perhaps again after the crash');
    wait_for(sub { payloads_on('A-1/messages/json') >= 50 }, 30, 'samples');
    my @topics = map { $_->{topic} } grep { $_->{topic} =~ m{^A-1/} } $sub->messages;
    is((grep { $topics[$_] eq 'A-1/acks/json' } 0 .. $#topics)[0], 0, 'is the first message');
    is($neap->stop, 0, 'a clean stop');
};

subtest 'the topics of another broker' => sub {
    my $neap = begin('X-1', <<'END', <<'MORE');
local machine = asset("machine")
policy("series", { flush = "now", encoding = "ts" })
machine:variable("temperature", { read = function() return 23.2 end })
machine:variable("speed", { policy = "series" })
on("connected", function() machine:push("speed", 5) end)
END
topics:
  data: "site/{username}/up"
  tasks: "site/{client_id}/down"
  acks: "site/{username}/done"
  ts: "site/{username}/series"
MORE
    publish($broker, 'site/X-1/down', '[{"uid":"x1","read":["machine.temperature"]}]');
    is(acked('site/X-1/done', 'x1'), 'OK', 'tasks come and are acknowledged there');
    wait_for(sub { payloads_on('site/X-1/up') && payloads_on('site/X-1/series') }, 20, 'the bodies');
    like((payloads_on('site/X-1/up'))[0], qr/^\{"\d{13}":\{"machine\.temperature":23\.2\}\}$/, 'data goes there');
    is($neap->stop, 0, 'a clean stop');
    is((grep { m{^X-1/} } map { $_->{topic} } $sub->messages), 0, 'and nowhere else');
};
done_testing();
