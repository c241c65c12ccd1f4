# Tasks in the dialect "current": every kind is done and acknowledged, once and the same way, and bodies have form A.
use strict;
use warnings;
use JSON::PP ();
use Test::More;
use NeapTest;

my $lua = <<'LUA';
local machine = asset("machine")
local lab = asset("lab", { parallel = true })
local started = 0
machine:variable("temperature", { read = function() return 23.5 end })
machine:variable("count", { type = "int", read = function() return 7 end })
machine:variable("open", { type = "boolean", read = function() return true end })
machine:variable("seen", { type = "date", read = function() return 1349907137.5 end })
machine:variable("name", { type = "string", read = function() return 'Gr\xc3\xb6\xc3\x9fe "1"' end })
machine:variable("raw", { type = "binary", read = function() return "\0\1\2" end })
machine:variable("broken", { read = function() error("no sensor", 0) end })
machine:setting("threshold", { type = "int", default = 30, min = 0, max = 100 })
machine:setting("key", { type = "binary", default = "" })
machine:setting("mode", { type = "string", default = "a",
	write = function(new) if new == "bad" then return nil, "not that \xff one" end end })
machine:setting("fresh", { type = "int", default = 0, ttl = "1m" })
machine:command("reset", { ttl = "1m",
	params = { delay = { type = "int", default = 0, min = 0, max = 60 }, force = { type = "boolean" } },
	run = function(p)
		log.info("reset", p.delay, p.force)
		if p.force then error("it does not move", 0) end
	end })
machine:command("slow", { timeout = "300ms", run = function() sleep(30) end })
local inside = 0
local function meet(on)
	return function()
		inside = inside + 1
		for _ = 1, 200 do
			if inside == 2 then return end
			sleep("50ms")
		end
		return nil, "nobody came"
	end
end
lab:command("one", { run = meet() })
lab:command("two", { run = meet() })
on("install", function(job)
	log.info("install", job.type, job.revision, job.url)
	if job.revision == "0" then return nil, "no such revision" end
end)
LUA

my $broker = start_broker();
my $sub    = subscribe($broker);
my $neap   = start_neap(write_config($broker, scripts => { 'machine.lua' => $lua }, more => "dialect: current\n"));
$neap->wait_state('connected');

# The acknowledgements of a uid so far: "OK" or "ERROR: why".
sub acks {
    my ($uid) = @_;
    return map { $_->{status} . (defined $_->{message} ? ": $_->{message}" : '') }
        grep { $_->{uid} eq $uid } map { @{ decode($_->{payload}) } } grep { $_->{topic} eq 'GW-1/acks/json' } $sub->messages;
}

my %answers;    # path => values, of all bodies of form A

sub values_of {
    my ($path) = @_;
    my @values;
    for my $message (grep { $_->{topic} eq 'GW-1/messages/json' } $sub->messages) {
        my $body = JSON::PP->new->allow_bignum->decode($message->{payload});
        for my $time (sort keys %$body) {
            push(@values, $body->{$time}{$path}) if exists $body->{$time}{$path};
        }
    }
    return @values;
}

sub task {
    my ($uid, $what) = @_;
    publish($broker, 'GW-1/tasks/json', qq([{"uid":"$uid",$what}]));
    return;
}

sub acked {
    my ($uid, $count) = @_;
    wait_for(sub { acks($uid) >= ($count // 1) }, 30, "an acknowledgement of $uid");
    return join(' | ', acks($uid));
}

subtest 'settings are reported in form A at the first connect' => sub {
    wait_for(sub { values_of('machine.threshold') }, 20, 'the report');
    is_deeply([ values_of('machine.threshold') ], [30]);
    my ($payload) = grep { /machine\.threshold/ } $sub->payloads;
    like($payload, qr/^\{"1\d{12}":\{/, 'milliseconds, as the key of an object');
};

subtest 'a read is answered with native values' => sub {
    task('r1', '"read":["machine.temperature","machine.count","machine.open","machine.seen","machine.name","machine.raw"]');
    is(acked('r1'), 'OK');
    my $text = join("\n", $sub->payloads);
    like($text, qr/"machine\.temperature":23\.5[,}]/, 'a double');
    like($text, qr/"machine\.count":7[,}]/, 'an int');
    like($text, qr/"machine\.open":true[,}]/, 'a boolean');
    like($text, qr/"machine\.seen":1349907137500[,}]/, 'a date, in milliseconds');
    like($text, qr/"machine\.name":"Gr\xc3\xb6\xc3\x9fe \\"1\\""/, 'a string');
    like($text, qr/"machine\.raw":"AAEC"/, 'binary in Base64');
};

my @table = (
    # what, the task, the acknowledgement
    ['a read that fails in part', '"read":["machine.broken","machine.count"]', qr/^ERROR: machine\.broken: no sensor$/],
    ['an unknown path', '"read":["machine.cuont"]', qr/^ERROR: machine\.cuont: no script declares this path \(did you mean "machine\.count"\?\)$/],
    ['a write', '"write":[{"machine.threshold":25}]', qr/^OK$/],
    ['a write as text', '"write":[{"machine.threshold":"26"}]', qr/^OK$/],
    ['several objects and paths', '"write":[{"machine.threshold":27,"machine.mode":"b"},{"machine.fresh":1}]', qr/^OK$/],
    ['a write out of range', '"write":[{"machine.threshold":900}]', qr/^ERROR: machine\.threshold: 900 is above its maximum 100$/],
    ['a write out of 32 bit', '"write":[{"machine.fresh":3000000000}]', qr/^ERROR: machine\.fresh: 3000000000 does not fit an int/],
    ['a write that the handler refuses', '"write":[{"machine.mode":"bad"}]', qr/^ERROR: machine\.mode: not that \? one$/],
    ['a write to a variable', '"write":[{"machine.count":1}]', qr/^ERROR: machine\.count is a variable/],
    ['a write of binary', '"write":[{"machine.key":"AAEC"}]', qr/^OK$/],
    ['a write of binary that is not Base64', '"write":[{"machine.key":"A"}]', qr/^ERROR: machine\.key: a binary value must be Base64$/],
    ['a write older than its ttl', '"timestamp":1445527665027,"write":[{"machine.fresh":2}]', qr/^ERROR: machine\.fresh: it is older than its ttl$/],
    ['an old write without a ttl', '"timestamp":1445527665027,"write":[{"machine.threshold":28}]', qr/^OK$/],
    ['a command', '"command":{"id":"machine.reset","params":{"delay":1,"force":false}}', qr/^OK$/],
    ['its default', '"command":{"id":"machine.reset","params":{"force":"false"}}', qr/^OK$/],
    ['a command that raises', '"command":{"id":"machine.reset","params":{"force":true}}', qr/^ERROR: machine\.reset: it does not move$/],
    ['an unknown parameter', '"command":{"id":"machine.reset","params":{"dely":1,"force":true}}', qr/^ERROR: machine\.reset: there is no parameter "dely" \(did you mean "delay"\?\)$/],
    ['a missing parameter', '"command":{"id":"machine.reset"}', qr/^ERROR: machine\.reset: parameter "force" is missing$/],
    ['a parameter out of range', '"command":{"id":"machine.reset","params":{"delay":61,"force":true}}', qr/^ERROR: machine\.reset: parameter "delay": 61 is above its maximum 60$/],
    ['an old command', '"timestamp":1445527665027,"command":{"id":"machine.reset","params":{"force":false}}', qr/^ERROR: machine\.reset: it is older than its ttl$/],
    ['a command that takes too long', '"command":{"id":"machine.slow"}', qr/^ERROR: machine\.slow: /],
    ['an install', '"swinstall":{"type":"com.sample.device","revision":"2.0","url":"https://example.com/x"}', qr/^OK$/],
    ['an install that fails', '"swinstall":{"type":"com.sample.device","revision":"0","url":"https://example.com/x"}', qr/^ERROR: .*no such revision$/],
    ['a task of the wrong form', '"read":"machine.count"', qr/^ERROR: byte \d+: task [a-z0-9]+: "read" takes an array of paths, not a string$/],
);
my $number = 0;
for my $row (@table) {
    my ($what, $task, $expected) = @$row;
    my $uid = 't' . ++$number;
    task($uid, $task);
    like(acked($uid), $expected, $what);
}
like($neap->log, qr/reset\s+1\s+false/, 'typed parameters reach the script');
like($neap->log, qr/reset\s+0\s+false/, 'so do defaults');
like($neap->log, qr{install\s+com\.sample\.device\s+2\.0\s+https://example\.com/x}, 'and what is to be installed');
is((values_of('machine.threshold'))[-1], 28, 'a write is answered with the value that holds now');
is((values_of('machine.key'))[-1], 'AAEC', 'of binary too');

subtest 'a uid is done once and acknowledged each time alike' => sub {
    my $before = () = $neap->log =~ /reset\s+1\s+false/g;
    my ($uid, $failed) = map { my $n = $_; (grep { $table[$_][0] eq $n } 0 .. $#table)[0] + 1 } 'a command', 'a write out of range';
    task("t$uid", '"command":{"id":"machine.reset","params":{"delay":1,"force":false}}');
    task("t$failed", '"write":[{"machine.threshold":5}]');
    is(acked("t$uid", 2), 'OK | OK');
    my ($first, $second) = split(/ \| /, acked("t$failed", 2));
    is($second, $first, 'a failure keeps its reason');
    is(scalar(() = $neap->log =~ /reset\s+1\s+false/g), $before, 'it did not run again');
    $neap->kill9;
    $neap->again;
    $neap->wait_state('connected');
    task("t$uid", '"command":{"id":"machine.reset","params":{"delay":1,"force":false}}');
    task('behind', '"read":["machine.count"]');
    acked('behind');
    like(acked("t$uid", 3), qr/^OK \| OK \| OK(?: \| OK)*$/, 'over a restart too, which may acknowledge the last ones again');
    is(scalar(() = $neap->log =~ /reset\s+1\s+false/g), $before, 'and did not run again');
};

subtest 'a parallel asset does several things at once' => sub {
    publish($broker, 'GW-1/tasks/json',
        '[{"uid":"p1","command":{"id":"lab.one"}},{"uid":"p2","command":{"id":"lab.two"}}]');
    is(acked('p1'), 'OK');
    is(acked('p2'), 'OK');
};

is($neap->stop, 0, 'a clean stop');
done_testing();
