#!/usr/bin/perl
# A sensor that fails is that sensor's matter alone: the others go on, it is logged once for each change of its state, and
# never sent as anything. What I/O raises names the file and the reason.
use strict;
use warnings;
use NeapData;
use NeapTest;
use Test::More;

my $dir = temp_dir();
my $broker = start_broker();
my $sub    = subscribe($broker, topic => '+/messages/json');
my $neap   = start_neap(write_config($broker, more => "payload: { timestamps: ms }\nparams: { a: { dir: $dir }, b: { dir: $dir } }\n",
    scripts => { 'a.lua' => <<'A', 'b.lua' => <<'B', 'c.lua' => <<'C' }));
local cfg = params { dir = "" }
policy("now", { flush = "now" })
local a = asset("a")
local good, fails = 0, 0
a:variable("good", { type = "int", policy = "now", every = "20ms", read = function() good = good + 1 return good end })
a:variable("probe", { policy = "now", every = "20ms", read = function()
	fails = fails + 1
	if not file.exists(cfg.dir .. "/probe") then error("for the " .. fails .. ". time") end
	return fails
end })
a:variable("file", { policy = "now", every = "20ms", read = function() return tonumber(file.read(cfg.dir .. "/number")) end })
a:variable("text", { policy = "now", every = "20ms", read = function() return "abc" end })
a:variable("slow", { policy = "now", every = "20ms", timeout = "50ms", read = function() sleep(60) return 1 end })
a:variable("none", { policy = "now", every = "20ms", read = function() return nil, "not now" end })
a:variable("table", { policy = "now", every = "20ms", read = function() error({ 1 }) end })
a:group({ every = "20ms", policy = "now", variables = { x = {}, y = {} }, read = function() return { x = good, y = 0 / 0 } end })
A
local cfg = params { dir = "" }
on("start", function()
	local function say(what, f, ...) log.info(what, try(f, ...)) end
	say("1", file.read, cfg.dir .. "/nosuch")
	say("2", file.read, cfg.dir)
	say("3", file.append, cfg.dir .. "/nosuch/file", "x")
	say("4", file.append, cfg.dir, "x")
	say("5", file.write, cfg.dir .. "/nosuch/file", "x")
	say("6", file.read, "/dev/zero")
	file.append(cfg.dir .. "/file", "one ")
	file.append(cfg.dir .. "/file", "two")
	say("7", file.read, cfg.dir .. "/file")
	file.append(cfg.dir, "not caught")
	log.info("not reached")
end)
B
local c = asset("c")
every("20ms", "broken", function() error("this one too") end)
local n = 0
c:variable("n", { type = "int", policy = "now", every = "20ms", read = function() n = n + 1 return n end })
C
$neap->wait_log(qr/ runs as /);

# The lines about a sensor, without time and level; the log goes on while we look.
sub said {
    my ($what) = @_;
    return join('', map { /^\S+ (.*\Q$what\E.*)$/ ? "$1\n" : () } $neap->lines);
}

# Until some more readings of the good sensors came.
sub a_while {
    my %before = map { $_ => scalar(values_of($_, $sub->payloads)) } qw(a.good c.n);
    for my $path (sort keys %before) {
        wait_for(sub { values_of($path, $sub->payloads) >= $before{$path} + 20 }, 20, "samples of $path");
    }
    return;
}

my $bad = qr/^warn script\.a: a\.probe: bad: a\.lua:8: for the \d+\. time\n/;
a_while();
like(said('a.probe'), qr/$bad\z/, 'it fails: said once');
is(values_of('a.probe', $sub->payloads), 0, 'and not sent');
spew("$dir/probe", '');
wait_for(sub { values_of('a.probe', $sub->payloads) >= 5 }, 30, 'values of the one that recovered');
my $good = qr/${bad}info script\.a: a\.probe: good again\n/;
like(said('a.probe'), qr/$good\z/, 'it recovers: said once');
unlink("$dir/probe") or die "unlink: $!";
wait_for(sub { said('a.probe') =~ /again\n./ }, 20, 'the next failure');
a_while();
like(said('a.probe'), qr/${good}warn script\.a: a\.probe: bad: a\.lua:8: for the \d+\. time\n\z/, 'it fails again: said once');

is(said('a.file'), "warn script.a: a.file: bad: a.lua:11: file.read: $dir/number: No such file or directory\n",
    'a file that is not there');
spew("$dir/number", "42\n");
wait_for(sub { grep { $_ eq '42' } values_of('a.file', $sub->payloads) }, 30, 'the number in the file');
like(said('a.text'), qr/^warn script\.a: a\.text: bad: .*"abc" is not a double\n\z/, 'a value of another type');
is(said('a.slow'), "warn script.a: a.slow: bad: a.lua:13: took longer than 50ms\n", 'one that takes too long');
is(said('a.none'), "warn script.a: a.none: bad: not now\n", 'nil and why');
like(said('a.table'), qr/^warn script\.a: a\.table: bad: table: 0x[0-9a-f]+\n\z/, 'an error that is no text');
is(said('a.{x,y}'), "warn script.a: a.{x,y}: bad: a.y: NaN is not a finite number\n", 'one value of a group');
is(said('broken'), qq(error script.c: every "broken": c.lua:2: this one too\n), 'an error of a timer');
my %sent;
$sent{ $_->{path} }++ for samples($sub->payloads);
is(join(' ', sort keys %sent), 'a.file a.good a.probe a.x c.n', 'what failed was never sent, the others were');

is(join('', map { /info script\.b: (.*)/ ? "$1\n" =~ s/\.tmp\.\d+//r : () } $neap->lines), <<"END", 'what I/O raises');
1 nil file.read: $dir/nosuch: No such file or directory ENOENT
2 nil file.read: $dir: is not a regular file ERROR
3 nil file.append: $dir/nosuch/file: No such file or directory ENOENT
4 nil file.append: $dir: Is a directory EISDIR
5 nil file.write: cannot make $dir/nosuch/file: No such file or directory ENOENT
6 nil file.read: /dev/zero: is not a regular file ERROR
7 one two
END
like($neap->log, qr{ error script\.b: .*b\.lua:13: file\.append: \Q$dir\E: Is a directory\n}, 'uncaught, with its line');
my $status = $neap->status;
my %bad = map { $_->{name} => join(' ', sort @{ $_->{bad} }) } @{ $status->{scripts} };
is_deeply(\%bad, { a => 'a.none a.probe a.slow a.table a.text a.x a.y', b => '', c => '' }, 'status tells which are bad');
is($neap->stop, 0, 'a clean stop');

done_testing();
