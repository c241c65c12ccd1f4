#!/usr/bin/perl
# What is wrong with neap.yaml and with scripts is said all at once, each with its place, on standard error; exit status 2.
# Warnings leave it 0.
use strict;
use warnings;
use NeapTest;
use Test::More;

# Standard error of `neap COMMAND` with this neap.yaml and these scripts, places relative to its folder.
sub errors_of {
    my ($command, $status, $yaml, %scripts) = @_;
    my $config = write_config(undef, scripts => \%scripts);
    my $dir    = $config =~ s{/[^/]*$}{}r;
    spew($config, $yaml) if defined $yaml;
    my ($got, $out, $err) = run_neap($command, '-c', $config);
    is($got, $status, "$command: exit status $status");
    is($out, '', "$command: nothing on standard output") if $status;
    return $err =~ s{\Q$dir\E/}{}gr;
}

subtest 'a neap.yaml full of errors' => sub {
    for my $command (qw(check run)) {
        is(errors_of($command, 2, <<'YAML'), <<'END', "$command: each with line and column");
device: { serail: GW-1 }
broker:
  url: tpc://x:1883
  keepalive: 2 minutes
  reconnect: { min: 10s, max: 1s }
log: { level: loud }
queue: { sync: -1, memory: 12XB }
polcies: { a: { flush: 5m } }
tasks: { strict: maybe }
YAML
neap.yaml:1:1: device.serial: missing: give the gateway's serial number, or serial_file
neap.yaml:1:11: device.serail: unknown key (did you mean "serial"?)
neap.yaml:3:8: broker.url: the scheme must be tcp:// or ssl:// (mqtt:// and mqtts:// mean the same), not "tpc://"
neap.yaml:4:14: broker.keepalive: "2 minutes" is not a duration: a number and ms, s, m, h or d, such as 2m
neap.yaml:5:31: broker.reconnect.max: broker.reconnect.min is above broker.reconnect.max
neap.yaml:6:15: log.level: must be "error", "warn", "info" or "debug", not "loud"
neap.yaml:7:16: queue.sync: "-1" is not a duration: a number and ms, s, m, h or d, such as 5s
neap.yaml:7:28: queue.memory: "12XB" is not a size: a number and B, KB, MB or GB, such as 256KB
neap.yaml:8:1: polcies: unknown key (did you mean "policies"?)
neap.yaml:9:18: tasks.strict: use true or false, not "maybe"
END
    }
};

subtest 'a neap.yaml that is no YAML' => sub {
    is(errors_of('run', 2, "device: { serial: GW-1 }\nbroker: { url: tcp://127.0.0.1:1 }\n  bad: [\n"),
        "neap.yaml:3:3: the line fits nothing above it: look at its indentation, and for text behind a quote or bracket\n",
        'the first place');
    is(errors_of('check', 2, ''), <<'END', 'empty: what is needed');
neap.yaml:1:1: device.serial: missing: give the gateway's serial number, or serial_file
neap.yaml:1:1: broker.url: missing: give the broker's address, such as tcp://HOST:1883
END
    is(errors_of('check', 2, "device: { serial: GW-1 }\nbroker: { url: tcp://h:1 }\nlog: { level: \${NEAP_NO_SUCH} }\n"),
        "neap.yaml:3:16: \${NEAP_NO_SUCH} within { } or [ ] must be quoted: \"\${NEAP_NO_SUCH}\"\n", 'a variable without quotes');
};

subtest 'serials that cannot be a part of a topic' => sub {
    for my $serial ('a/b', 'a+', '#', 'a b\tc', '') {
        like(errors_of('check', 2, qq(device: { serial: "$serial" }\nbroker: { url: tcp://h:1 }\n)), qr/^neap\.yaml:1:19: device\.serial: /,
            qq("$serial"));
    }
};

subtest 'scripts' => sub {
    my $err = errors_of('check', 2, undef,
        'a.lua' => "-- a comment\nx = = 1\n",
        'b.lua' => qq(local m = asset("m")\nm:variable("t", { tpye = "int" })\n),
        'c.lua' => qq(local function f() error("boom") end\n\nf()\n),
        'd.lua' => qq(asset("d"):setting("x", { type = "int" })\n),
        'e.lua' => qq(\nasset("d"):setting("x", { type = "int" })\n),
        'f.lua' => qq(lgo.info("x")\n),
        'g.lua' => qq(asset("g"):variable("v", { policy = "trned" })\npolicy("trend", { flush = "5s" })\n),
        'h_test.lua' => 'not a script');
    is($err, <<'END', 'each with file and line, one error a script');
scripts/a.lua:2: unexpected symbol near '='
scripts/b.lua:2: variable m.t: there is no field "tpye" (did you mean "type"?)
scripts/c.lua:1: boom
scripts/f.lua:1: nothing is called lgo (did you mean "log"?)
scripts/e.lua:2: d.x is already declared in d.lua:1
scripts/g.lua:1: g.v: no policy is called "trned" (did you mean "trend"?)
END
};

subtest 'each mistake, with its line' => sub {
    my ($i, %scripts, $expected) = (10);
    while (my $line = <DATA>) {
        my ($lua, $said) = $line =~ /^(.*?) => (.*)$/ or die $line;
        my $name = 't' . $i++ . '.lua';
        $scripts{$name} = qq(local m = asset("m")\n$lua\n);
        $expected .= "scripts/$name:2: " . $said =~ s/LINE/$name:2/r . "\n";
    }
    is(errors_of('check', 2, undef, %scripts), $expected, 'wrong types, unknown fields, paths and policies that cannot be');
};

subtest 'globals that nobody defines' => sub {
    my $err = errors_of('check', 2, undef,
        'a.lua' => <<'LUA', 'b.lua' => "error('early')\nprint(undefined)", 'lib/util.lua' => 'return function() return undfined end');
local util = require "util"
every("1s", function()
	log.info(tresh, defined_later, _G.any, rawget(_G, "any"))
	local _ENV = { x = 1 }
	y = x
end)
on("start", function() defined_later = 3; lgo.info(1) io.open("x") end)
LUA
    is($err, <<'END', 'all of a script, its modules too');
scripts/a.lua:3: nothing is called tresh
scripts/a.lua:7: nothing is called lgo (did you mean "log"?)
scripts/a.lua:7: io is not there: use file.read, file.write and file.append
scripts/lib/util.lua:1: nothing is called undfined
scripts/b.lua:2: nothing is called undefined
scripts/b.lua:1: early
END
};

subtest 'warnings' => sub {
    is(errors_of('check', 0), "scripts: no scripts (*.lua) are there (warning)\n", 'no scripts');
    my $script = 'asset("m"):setting("x", { type = "int", default = 3 })';
    my $yaml = "device: { serial: GW-1 }\nbroker: { url: tcp://h:1 }\nscripts: { dir: scripts }\nparams:\n  nosuch: { a: 1 }\n  m: { a: 1 }\n";
    is(errors_of('check', 0, $yaml, 'm.lua' => $script), <<'END', 'params that nobody takes');
neap.yaml:5:11: params.nosuch: there is no script nosuch.lua in scripts (warning)
neap.yaml:6:6: params.m: the script m.lua does not ask for them: it has no params{...} (warning)
END
    $script = <<'LUA';
policy("safe", { durable = true })
local m = asset("m")
m:variable("v", { every = "100ms", read = now, policy = "safe" })
m:variable("w", { every = "100ms", read = now, report = { min_gap = "1s" } })
LUA
    my ($memory) = grep { -d && -w } qw(/dev/shm);
    my $queue = defined $memory ? "queue: { dir: $memory/nosuch/queue }\n" : '';
    $yaml = "device: { serial: GW-1 }\nbroker: { url: tcp://h:1 }\nscripts: { dir: scripts }\n$queue";
    my $durable = defined $memory
        ? qq(neap.yaml: policy "safe" is durable, but queue.dir $memory/nosuch/queue lies in memory: a power cut takes its samples (warning)\n)
        : '';
    is(errors_of('check', 0, $yaml, 'm.lua' => $script), <<'END' . $durable, 'times that are too coarse, a queue that does not last');
scripts/m.lua:3: m.v: read every 100ms, but its samples are sent with whole seconds (payload.timestamps in neap.yaml): several have the same time (warning)
END
};

subtest 'an agent goes on without a script that does not load' => sub {
    my $broker = start_broker();
    my $neap   = start_neap(write_config($broker, scripts => { 'bad.lua' => "x = = 1\n", 'good.lua' => 'asset("m"):variable("x")' }));
    my $status = $neap->wait_state('connected');
    my %of     = map { $_->{name} => $_ } @{ $status->{scripts} };
    like($of{bad}{error}, qr{/bad\.lua:1: unexpected symbol near '='$}, 'status tells which and why');
    is($of{good}{state}, 'running', 'the other one runs');
    like($neap->log, qr{ error scripts: \S+/bad\.lua:1: unexpected symbol near '='\n}, 'the log too');
    is($neap->stop, 0, 'a clean stop');
};

done_testing();
__DATA__
m:variable("a", { type = "integer" }) => m.a: there is no type "integer"; there are int, double, boolean, string, date and binary
m:variable("b", { every = true, read = now }) => m.b: its period must be a number of seconds above 0 or text such as "250ms", "10s" or "5m", not true
m:variable("c", { every = "10 parsecs", read = now }) => m.c: its period must be a number of seconds above 0 or text such as "250ms", "10s" or "5m", not "10 parsecs"
m:variable("d", { label = 5 }) => variable m.d: label must be text, not 5
m:setting("e", { min = "1" }) => setting m.e: min must be a number, not "1"
m:setting("f", { type = "int", min = 5, max = 1 }) => m.f: its minimum 5 is above its maximum 1
m:setting("g", { type = "int", default = 3.5 }) => m.g: its default does not fit: 3.5 is not a whole number, as an int must be
m:setting("h", { type = "int", default = 5, max = 1 }) => m.h: its default does not fit: 5 is above its maximum 1
m:setting("i", { at_start = "sometimes" }) => setting m.i: at_start must be "none" or "write", not "sometimes"
m:command("j", {}) => command m.j: it needs run, a function
m:command("k", { run = print, params = { x = { tpye = "int" } } }) => command m.k: the parameter x: there is no field "tpye" (did you mean "type"?)
m:command("l", { run = print, params = { x = { type = "number" } } }) => command m.l: the parameter x: there is no type "number"; there are int, double, boolean, string, date and binary
m:group({ variables = { a = { typ = "int" } }, read = print }) => variable m.a: there is no field "typ" (did you mean "type"?)
m:variable("n", { every = 1, read = now, report = { chnage = 1 } }) => variable m.n: report: there is no field "chnage" (did you mean "change"?)
m:variable("o", { every = 1, read = now, report = { window = "1m", values = { "mode" } } }) => variable m.o: report: values, item 1 must be "count", "first", "last", "max", "mean", "median", "min" or "sum", not "mode"
policy("p", { flsh = "1s" }) => policy "p": flsh: a policy has no such field (did you mean flush?)
policy("q", { flush = "soon" }) => policy "q": flush: takes "now" or a duration such as "60s", not "soon"
policy("r", { full = "drop" }) => policy "r": full: takes "drop_oldest", "drop_newest" or "thin", not "drop"
every("1x", print) => every at LINE: its period must be a number of seconds above 0 or text such as "250ms", "10s" or "5m", not "1x"
cron("61 * * * *", print) => cron at LINE: "61 * * * *": the minute cannot be read at "61": 0 to 59, *, lists, ranges and steps
on("conected", print) => on: there is no event "conected" (did you mean "connected"?)
m:variable("", {}) => the path "m." has an empty name at byte 2
m:variable("a..b", {}) => the path "m.a..b" has an empty name at byte 4
m:variable(".a", {}) => the path "m..a" has an empty name at byte 2
m:variable("a b", {}) => the path "m.a b" has a character at byte 3 that is none of A-Z a-z 0-9 _ - .
m:variable("ü", {}) => the path "m.ü" has a character at byte 2 that is none of A-Z a-z 0-9 _ - .
m:variable(("a"):rep(300), {}) => the path m.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa... is longer than 255 bytes
asset("a.b") => asset: "a.b" is not an id: letters, digits, _ and -
asset("") => asset: "" is not an id: letters, digits, _ and -
m:variable("a/b", {}) => the path "m.a/b" has a character at byte 3 that is none of A-Z a-z 0-9 _ - .
m:variable("a#", {}) => the path "m.a#" has a character at byte 3 that is none of A-Z a-z 0-9 _ - .
m:variabel("x") => the asset m has no "variabel" (did you mean "variable"?)
m:counter("x", { edge = "up", gpio = "A" }) => counter m.x: edge must be "both", "falling" or "rising", not "up"
rule { variable = "m.zz", above = 3, raise = print } => rule: m.zz is not declared as a variable of this script before
m:push("unheard", 1) => m.unheard is not declared as a variable here
file.raed("x") => file has no "raed" (did you mean "read"?)
state({ a = print }) => state.a is a function: only numbers, texts, true, false and tables of them can be kept
params { x = 1, nosuch } => nothing is called nosuch
serial.open { port = "/dev/x", parity = "evn" } => serial.open: parity must be "even", "none" or "odd", not "evn" (did you mean "even"?)
local x <const> = 1; x = 2 => attempt to assign to const variable 'x'
policy("default", { priority = "urgent" }) => policy "default": priority: takes "high", "normal" or "low", not "urgent"
sleep(1) => sleep is not there while the script loads: call it from a handler, such as on("start", ...)
