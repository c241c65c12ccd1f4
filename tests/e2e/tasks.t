#!/usr/bin/perl
# Tasks from the broker: what is read, written and refused, what is answered, and what the log says.
use strict;
use warnings;
use NeapData;
use NeapTest;
use Test::More;

my $TUTORIAL = slurp(root_dir() . '/tests/data/tutorial-tasks.json');

my $MACHINE = <<'END';
local machine = asset("machine", { label = "My Machine" })
local celsius = 23.2
machine:variable("temperature", { read = function() return celsius end })
machine:variable("speed", { type = "int" })
machine:variable("broken", { read = function() error("no sensor") end })
machine:group({ variables = { volt = {}, ampere = {} }, read = function() return { volt = 230.5, ampere = 4 } end })
machine:setting("threshold", { type = "int", default = 30, min = 0, max = 100,
	write = function(new, old) log.info("threshold:", old, "->", new) end })
machine:setting("name", { type = "string", default = "M1" })
machine:setting("on", { type = "boolean", default = true })
machine:setting("gain", { type = "double", default = 0.5 })
machine:setting("stuck", { type = "int", default = 1, write = function() error("the relay does not answer") end })
machine:setting("locked", { type = "int", default = 2, write = function() return nil, "not while it runs" end })
machine:command("reset", { run = function() log.info("reset") end })
on("connected", function() machine:push("speed", 1200, { time = 1349907137 }) end)
END

# A broker, a subscriber to the device's data, and neap, connected and its settings reported.
sub begin {
    my (%option) = @_;
    my $broker = start_broker(users => { 'GW-1' => 'secret' });
    my $sub    = subscribe($broker, topic => '+/messages/json');
    my $neap   = start_neap(write_config($broker, scripts => { 'machine.lua' => $MACHINE },
        more => "policies: { default: { flush: 1h } }\n", %option));
    wait_for(sub { values_of('machine.threshold', $sub->payloads) }, 20, 'the settings');
    return ($broker, $sub, $neap);
}

my $uids = 0;

# Sends tasks, given as JSON without the uid: "read":[...]. All in one payload. Waits until they are dealt with, and gives
# the bodies and the lines of the log since. The end is a read of its own, in a payload of its own.
sub send_raw {
    my ($broker, $sub, $neap, $payload) = @_;
    my $bodies = $sub->payloads;
    my $log    = length $neap->log;
    my $before = $neap->status->{tasks};
    my @how = $payload eq '' ? '-n' : ('-m', $payload);
    run_command('mosquitto_pub', $broker->client_options, '-q', 1, '-t', 'GW-1/tasks/json', @how);
    wait_for(sub { my $now = $neap->status->{tasks}; $now->{payloads} > $before->{payloads} && !$now->{running} }, 20, 'the tasks');
    wait_for(sub { my $s = $neap->status; !grep { $_->{name} eq 'answers' && $_->{waiting} + $_->{in_flight} } @{ $s->{policies} } },
        20, 'the answers');
    my @bodies = $sub->payloads;
    return ([ @bodies[$bodies .. $#bodies] ], substr($neap->log, $log));
}

sub send_tasks {
    my ($broker, $sub, $neap, @tasks) = @_;
    return send_raw($broker, $sub, $neap, '[' . join(',', map { sprintf('{"uid":"u%d","timestamp":1,%s}', ++$uids, $_) } @tasks) . ']');
}

# Answers as "PATH=VALUE PATH=VALUE", sorted; log lines without their time.
sub answers { return join(' ', sort map { "$_->{path}=$_->{value}" } samples(@{ $_[0] })) }
sub said    { return join('', map { s/^\S+ //r . "\n" } split(/\n/, $_[0])) }

subtest 'the payload of the tutorial' => sub {
    my ($broker, $sub, $neap) = begin();
    my $start = time;
    is(answers([ $sub->payloads ]), 'machine.gain=0.5 machine.locked=2 machine.name=M1 machine.on=true machine.stuck=1 '
            . 'machine.threshold=30', 'all settings are reported at the first connect');
    my ($bodies, $log) = send_raw($broker, $sub, $neap, $TUTORIAL);
    is(answers($bodies), 'machine.temperature=23.2 machine.threshold=25', 'both tasks are done and answered');
    is(said($log), <<'END', 'and the stray brace is told with its offset');
warn task: byte 254: a closing bracket that matches no open one was left out
info script.machine: threshold: 30 -> 25
END
    my @late = grep { $_->{timestamp} < $start - 1 || $_->{timestamp} > time } samples(@$bodies);
    is(scalar(@late), 0, 'with the time of the reading');
    ($bodies, $log) = send_raw($broker, $sub, $neap, $TUTORIAL);
    is(answers($bodies), '', 'the same uids again are not done again');
    like($log, qr/3c12547b613740adb686271bdc8f097c: seen before, not done again\n(?s:.*)8006cc58ba2141f69161a78f1bfdea1d: seen before, not done again\n/, 'and said');
    is($neap->stop, 0, 'a clean stop');
    my $again = $sub->payloads;
    $neap->again;
    $neap->wait_state('connected');
    ($bodies, $log) = send_raw($broker, $sub, $neap, $TUTORIAL);
    is(answers([ grep { !/^\[\{"machine\.(gain|locked|name|on|stuck|threshold)"/ } @$bodies ]), '', 'nor after a restart');
    my @bodies = $sub->payloads;
    like(answers([ @bodies[$again .. $#bodies] ]), qr/machine.threshold=25/, 'what was written is there after it');
    is($neap->stop, 0, 'a clean stop');
};

subtest 'the payload of the tutorial, strictly' => sub {
    my ($broker, $sub, $neap) = begin(more => "tasks: { strict: true }\n");
    my ($bodies, $log) = send_raw($broker, $sub, $neap, $TUTORIAL);
    is(answers($bodies), 'machine.temperature=23.2', 'the read is done, the write is not');
    is(said($log), "warn task: refused: byte 254: task 8006cc58ba2141f69161a78f1bfdea1d: '}' closes nothing: "
            . "the innermost open bracket is the '[' at byte 227\n", 'and the reason is told with its offset');
    is($neap->stop, 0, 'a clean stop');
};

subtest 'reads' => sub {
    my ($broker, $sub, $neap) = begin();
    my ($bodies, $log) = send_tasks($broker, $sub, $neap, '"read":["machine.temperature"]');
    is(answers($bodies), 'machine.temperature=23.2', 'a variable');
    is($log, '', 'is nothing to talk about');
    ($bodies) = send_tasks($broker, $sub, $neap, '"read":["machine.speed"]');
    is(join(' ', map { "$_->{path}=$_->{value}\@$_->{timestamp}" } samples(@$bodies)), 'machine.speed=1200@1349907137',
        'what is only pushed: its last value and time');
    ($bodies) = send_tasks($broker, $sub, $neap, '"read":["machine.volt","machine.ampere","machine.threshold","machine.on"]');
    is(answers($bodies), 'machine.ampere=4 machine.on=true machine.threshold=30 machine.volt=230.5', 'several paths in a task');
    ($bodies) = send_tasks($broker, $sub, $neap, '"read":["machine.name"]', '"read":["machine.gain"]', '"write":[{"machine.gain":2}]');
    is(answers($bodies), 'machine.gain=0.5 machine.gain=2 machine.name=M1', 'several tasks in a payload');
    my $log_of = sub {
        ($bodies, $log) = send_tasks($broker, $sub, $neap, @_);
        return said($log);
    };
    is($log_of->('"read":["machine.temprature","machine.temperature"]'), <<'END', 'an unknown path');
warn task: u7: machine.temprature: no script declares this path (did you mean "machine.temperature"?)
END
    is(answers($bodies), 'machine.temperature=23.2', 'does not keep the other one from being read');
    is($log_of->('"read":["machine.broken","machine.volt"]', '"read":["machine.ampere"]'), <<'END', 'a sensor that fails');
warn script.machine: machine.broken: bad: machine.lua:5: no sensor
warn task: u8: machine.broken: machine.lua:5: no sensor
END
    is(answers($bodies), 'machine.ampere=4 machine.volt=230.5', 'is not answered, the others are');
    is($log_of->('"read":["machine.reset"]'), "warn task: u10: machine.reset is a command: it can be run, not read\n", 'a command');
    is($neap->stop, 0, 'a clean stop');
};

subtest 'writes' => sub {
    my ($broker, $sub, $neap) = begin();
    $uids = 100;
    my ($bodies, $log);
    my $log_of = sub {
        ($bodies, $log) = send_tasks($broker, $sub, $neap, @_);
        return said($log);
    };
    is($log_of->('"write":[{"machine.threshold":25}]'), "info script.machine: threshold: 30 -> 25\n", 'the handler is called');
    is(answers($bodies), 'machine.threshold=25', 'the new value is sent back');
    is($log_of->('"write":[{"machine.threshold":26,"machine.name":"M2"},{"machine.on":false}]'),
        "info script.machine: threshold: 25 -> 26\n", 'several objects, several paths');
    is(answers($bodies), 'machine.name=M2 machine.on=false machine.threshold=26', 'all sent back');
    is($log_of->('"write":[{"machine.threshold":"27"},{"machine.on":"true"},{"machine.gain":"1.5"}]'),
        "info script.machine: threshold: 26 -> 27\n", 'values as texts');
    is(answers($bodies), 'machine.gain=1.5 machine.on=true machine.threshold=27', 'do as well');
    for my $case (
        ['"machine.treshold":1',    'machine.treshold: no script declares this path (did you mean "machine.threshold"?)'],
        ['"machine.temperature":1', 'machine.temperature is a variable: only settings can be written'],
        ['"machine.reset":1',       'machine.reset is a command: only settings can be written'],
        ['"machine.threshold":"x"', 'machine.threshold: string "x" is not an int'],
        ['"machine.threshold":25.5', 'machine.threshold: 25.5 is not a whole number, as an int must be'],
        ['"machine.threshold":true', 'machine.threshold: boolean true is not an int'],
        ['"machine.on":1',          'machine.on: 1 is not a boolean'],
        ['"machine.name":5',        'machine.name: 5 is not a string'],
        ['"machine.threshold":101', 'machine.threshold: 101 is above its maximum 100'],
        ['"machine.threshold":-1',  'machine.threshold: -1 is below its minimum 0'],
    ) {
        my ($bad, $text) = @$case;
        is($log_of->(qq("write":[{$bad},{"machine.gain":3}])), "warn task: u$uids: $text\n", "$bad is refused");
        is(answers($bodies), 'machine.gain=3', 'and the other write of the task is done');
    }
    is($log_of->('"write":[{"machine.stuck":5},{"machine.locked":6}]'), <<"END", 'handlers refuse by an error or by nil');
warn task: u$uids: machine.stuck: machine.lua:12: the relay does not answer
warn task: u$uids: machine.locked: not while it runs
END
    is(answers($bodies), 'machine.locked=2 machine.stuck=1', 'the old values are sent back');
    is($neap->stop, 0, 'a clean stop');

    my $seen = $sub->payloads;
    $neap->again;
    wait_for(sub { $sub->payloads > $seen }, 20, 'the settings');
    is($neap->stop, 0, 'a clean stop');
    my @bodies = $sub->payloads;
    is(answers([ @bodies[$seen .. $#bodies] ]), 'machine.gain=3 machine.locked=2 machine.name=M2 machine.on=true machine.speed=1200 '
            . 'machine.stuck=1 machine.threshold=27', 'all are there after a restart, and reported; the stop had sent what waited');
};

subtest 'payloads that are no tasks' => sub {
    my ($broker, $sub, $neap) = begin();
    my $answered = '';
    for my $case (
        ['', 'byte 0: an array of tasks expected; the payload is empty'],
        ['hello', 'byte 0: an array of tasks expected'],
        ['{}', 'byte 0: an array of tasks expected, not an object'],
        ['[1]', 'byte 1: a task is an object, not an integer'],
        ['[{"read":["machine.on"]}]', 'byte 1: a task without "uid"'],
        ['[{"uid":"a","read":"machine.on"}]', 'byte 19: task a: "read" takes an array of paths, not a string'],
        ['[{"uid":"b","reed":["machine.on"]}]',
            'byte 1: task b: a task has one of "read", "write", "command", "swinstall"'],
        ['[{"uid":"c","write":[{"machine.threshold":[1]}]}]',
            'byte 42: task c: a value to write is a string, a number or a boolean, not an array'],
        ['[{"uid":"d","read":["machine.on"]},{"uid":"e","read":[}]',
            q(byte 54: task e: '}' closes nothing: the innermost open bracket is the '[' at byte 53)],
    ) {
        my ($payload, $text) = @$case;
        my ($bodies, $log) = send_raw($broker, $sub, $neap, $payload);
        is(said($log), "warn task: refused: $text\n", "'$payload' is refused");
        $answered .= answers($bodies);
    }
    is($answered, 'machine.on=true', 'a task beside it that is whole by itself is done');
    is($neap->stop, 0, 'a clean stop');
};

subtest 'a task for a device that is away' => sub {
    my ($broker, $sub, $neap) = begin();
    is($neap->stop, 0, 'a clean stop');
    publish($broker, 'GW-1/tasks/json', '[{"uid":"away","timestamp":1,"write":[{"machine.threshold":77}]}]');
    $neap->again;
    wait_for(sub { grep { $_ eq '77' } values_of('machine.threshold', $sub->payloads) }, 20, 'its answer');
    is($neap->stop, 0, 'a clean stop');
};

done_testing();
