# Malformed and hostile payloads, from a real broker: each fault is told once, with its byte; what is whole beside it is
# done; the memory stays as it was. The table of all forms is in test_task.c.
use strict;
use warnings;
use Test::More;
use NeapTest;

my $broker = start_broker();
my $sub    = subscribe($broker, topic => '+/acks/json');
my $config = write_config($broker, more => "dialect: current\n", scripts => { 'm.lua' => <<'END' });
local m = asset("m")
m:variable("x", { read = function() return 1 end })
m:setting("y", { type = "int", default = 0 })
END
my $neap = start_neap($config);
$neap->wait_state('connected');

sub acks {
    my ($uid) = @_;
    return map { $_->{status} . (defined $_->{message} ? ": $_->{message}" : '') }
        grep { $_->{uid} eq $uid } map { @{ decode($_) } } $sub->payloads;
}

# mosquitto_pub takes an empty message by an option only.
sub send_raw {
    my ($payload) = @_;
    return publish($broker, 'GW-1/tasks/json', $payload) if length $payload;
    my ($status) = run_command('mosquitto_pub', $broker->client_options, '-q', 1, '-t', 'GW-1/tasks/json', '-n');
    die 'mosquitto_pub -n' if $status != 0;
    return;
}

sub kilobytes {
    my ($name) = @_;
    my ($value) = slurp('/proc/' . $neap->pid . '/status') =~ /^$name:\s+(\d+)/m;
    return $value;
}

my $deep  = '[' x 10_000;
my $first  = '{"uid":"F","read":["m.x"]}';
my $last  = '{"uid":"L","read":["m.x"]}';

# what, what stands between two whole tasks (or the whole payload, as a reference), the refusal, the tasks done
my @table = (
    ['an object that is none', '{"uid":"B","read":["m.x"}', qr/byte \d+: task B: '\}' closes nothing/, 'FL'],
    ['nested 10,000 deep', qq({"uid":"B","read":$deep}), qr/byte \d+: task B: nested deeper than 32/, 'FL'],
    ['nested deep and closed', qq({"uid":"B","write":[{"m.y":) . ('[' x 10_000) . (']' x 10_000) . '}]}', qr/byte \d+: task B: nested deeper than 32/, 'FL'],
    ['invalid UTF-8', qq({"uid":"B","read":["m.\xff\xfe"]}), qr/byte \d+: task B: invalid UTF-8/, 'FL'],
    ['a NUL byte', qq({"uid":"B",\0"read":["m.x"]}), qr/byte \d+: task B: .*expected/, 'FL'],
    ['a number out of range', '{"uid":"B","write":[{"m.y":1e999}]}', qr/byte \d+: task B: a number out of range/, 'FL'],
    ['NaN', '{"uid":"B","write":[{"m.y":NaN}]}', qr/byte \d+: task B: a value expected, not 'N'/, 'FL'],
    ['a hex number', '{"uid":"B","write":[{"m.y":0x10}]}', qr/byte \d+: task B: ',' or '\}' expected, not 'x'/, 'FL'],
    ['a leading zero', '{"uid":"B","write":[{"m.y":01}]}', qr/byte \d+: task B: /, 'FL'],
    ['a key twice', '{"uid":"B","write":[{"m.y":1,"m.y":2}]}', qr/byte \d+: task B: a second value for "m\.y"/, 'FL'],
    ['a uid twice in it', '{"uid":"B","uid":"C","read":["m.x"]}', qr/byte \d+: task B: a second value for "uid"/, 'FL'],
    ['no uid', '{"read":["m.x"]}', qr/byte \d+: a task without "uid"/, 'FL'],
    ['a uid of the wrong type', '{"uid":7,"read":["m.x"]}', qr/byte \d+: "uid" must be a string/, 'FL'],
    ['a uid that came before in it', '{"uid":"F","write":[{"m.y":9}]}', qr/byte \d+: the uid \S+ is there twice/, 'FL'],
    ['an empty array', \'[]', qr/byte 1: no task in the array/, ''],
    ['nothing', \'', qr/byte 0: an array of tasks expected; the payload is empty/, ''],
    ['no array', \$first, qr/byte 0: an array of tasks expected, not an object/, ''],
    ['no JSON', \"\x89PNG\r\n\x1a\n", qr/byte 0: an array of tasks expected/, ''],
    ['truncated', \"[$first,{\"uid\":\"B\",\"read\":[\"m", qr/byte \d+: task B: the text ends inside the string/, 'F'],
    ['two arrays', \"[$first][$last]", qr/byte \d+: the array of tasks has ended, and something follows/, 'FL'],
    ['10 MB of one string', \('["' . ('a' x 10_485_760) . '"]'), qr/byte 0: a payload of more than 262144 bytes, which is tasks\.max_bytes/, ''],
    ['10 MB of brackets', \('[' x 10_485_760), undef, ''],    # the same line, which is not logged again so soon
    ['as many faults as fit', \('[' . join(',', ('{') x 80_000) . ']'), undef, ''],
);

# One of each kind first: what a process takes for good is taken by then.
publish($broker, 'GW-1/tasks/json', '[' x 200_000);
publish($broker, 'GW-1/tasks/json', "[$first]");
wait_for(sub { acks('F') }, 20, 'a first task');
my $resident = kilobytes('VmRSS');

my $count = 0;
for my $row (@table) {
    my ($what, $payload, $expected, $done) = @$row;
    my $n    = ++$count;
    my $from = length $neap->log;
    $payload = ref $payload ? $$payload : "[$first,$payload,$last]";
    my $uids = $payload =~ s/"uid":"([A-Z])"/sprintf('"uid":"%s%02d"', $1, $n)/ger;
    send_raw($uids);
    publish($broker, 'GW-1/tasks/json', qq([{"uid":"end$n","read":["m.x"]}]));
    wait_for(sub { acks("end$n") }, 30, "the task behind: $what");
    my @said = grep { / refused: / } split(/\n/, substr($neap->log, $from));
    if ($expected) {
        my $pattern = $expected =~ s/task ([A-Z])(?=:)/sprintf('task %s%02d', $1, $n)/er;
        is(scalar(@said), 1, "$what: told once") or diag(@said);
        like($said[0] // '', qr/$pattern/, '... with the place');
    } else {
        cmp_ok(scalar(@said), '<=', 1001, "$what: told no more than so often");
    }
    for my $uid (split(//, $done)) {
        is(join(' ', acks(sprintf('%s%02d', $uid, $n))), 'OK', "... and task $uid is done");
    }
}
my $grown = kilobytes('VmRSS') - $resident;
# paho keeps one buffer as large as the largest packet
cmp_ok($grown, '<', 10_240 + 5_000, "the memory stays as it was, but for paho's (it grew by $grown KB)")
    if !$ENV{NEAP_RUN} && ($ENV{NEAP_BUILD} // "") !~ /asan|tsan/;    # they keep memory of their own
my $refused = decode((run_neap('tasks', '-c', $config, 'refused', '--json'))[1]);
is(scalar(@$refused), 20, 'the last twenty are kept');
is($neap->stop, 0, 'a clean stop');
done_testing();
