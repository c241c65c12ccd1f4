#!/usr/bin/perl
# neap test: what a test file says of a script, as TAP; and each script that ships, and each example, has one.
use strict;
use warnings;
use NeapTest;
use Test::More;
use Time::HiRes qw(time);

my $root = root_dir();
for my $script (grep { !/_test\.lua$/ } glob("$root/examples/*.lua $root/scripts/*.lua")) {
    my $test = $script =~ s/\.lua$/_test.lua/r;
    ok(-f $test, $test =~ s{.*/([^/]+/)}{$1}r . ' is there');
}

my $machine = slurp("$root/examples/machine.lua");

# A folder with these files: name => text.
sub folder {
    my %files = @_;
    my $dir   = temp_dir();
    spew("$dir/$_", $files{$_}) for keys %files;
    return $dir;
}

# One test file beside machine.lua; its cases go after what all have in common.
sub try_cases {
    my ($cases, %more) = @_;
    my $dir = folder('machine.lua' => $machine, %more, 'machine_test.lua' => <<"LUA");
local t = require "test"
t.file("/sys/class/thermal/thermal_zone0/temp", "23200\\n")
$cases
LUA
    return run_neap('test', "$dir/machine_test.lua");
}

# --- what passes, what fails, and how that looks ---

my ($status, $out, $err) = try_cases('t.case("one", function() t.advance("1m") t.equal(t.last("machine.temperature"), 23.2) end)');
is_deeply([ $status, $out, $err ], [ 0, "ok 1 - machine_test: one\n1..1\n", '' ], 'a case that passes');

($status, $out) = try_cases(<<'LUA');
t.case("one", function() t.advance("1m") t.equal(t.last("machine.temperature"), 99.9, "the temperature") end)
t.case("two", function()
	t.equal({ a = 1, list = { 1, 2, 3 }, text = ("x"):rep(50) }, { a = 1, list = { 1, 2, 4 }, text = ("x"):rep(50) })
end)
t.case("three", function() print("a note", 1) end)
LUA
is($status, 1, 'a case that fails: status 1');
is($out, <<'TAP', '... says where, what was expected and what came, and the others run');
not ok 1 - machine_test: one
# machine_test.lua:3: the temperature
#   expected 99.9
#   got      23.2
not ok 2 - machine_test: two
# machine_test.lua:5: not equal
#   - expected, + got
#     {
#       a = 1,
#   -   list = { 1, 2, 4 },
#   +   list = { 1, 2, 3 },
#       text = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#     }
ok 3 - machine_test: three
# a note	1
1..3
TAP

# --- each case has a world of its own ---

($status, $out) = try_cases(<<'LUA');
local count = 0
for i = 1, 2 do
	t.case("fresh " .. i, function()
		count = count + 1
		t.equal(count, 1)
		t.equal(t.task.read("machine.threshold").value, 30)
		t.accepted(t.task.write("machine.threshold", 25))
		t.equal(now(), 1767225600)
		t.file("/sys/class/thermal/thermal_zone0/temp", "1000\n")
		t.advance("5s")
		t.equal(t.values("machine.temperature"), { 23.2, 1 })
	end)
end
LUA
is($status, 0, 'neither values nor settings nor fakes nor the time go from a case to the next') or diag($out);

# --- days pass ---

my $began = time;
($status, $out) = try_cases('t.case("a month", function() t.advance("30d") t.equal(t.count("machine.temperature"), 518401) end)');
my $took = time - $began;
is($status, 0, 'a month passes') or diag($out);
note(sprintf('a day took %.0f ms', $took * 1000 / 30));

# --- tasks take the way of the broker's ---

($status, $out) = try_cases(<<'LUA');
t.case("the tutorial's payload", { config = "dialect: current" }, function()
	local outcome = t.task.raw('[{"uid" : "a", "timestamp" : 1, "write" : [{"machine.threshold" : 25}}]},'
		.. '{"uid" : "b", "timestamp" : 1, "read" : ["machine.temperature"]}]')
	t.accepted(outcome)
	t.equal(outcome.values, { ["machine.threshold"] = 25, ["machine.temperature"] = 23.2 })
	t.logged("a closing bracket that matches no open one")
	t.equal(t.last("machine.threshold"), 25)
	t.refused(t.task.raw("nonsense"), "byte 0")
	t.equal(t.task.read("machine.nothing").ack,
		'[{"uid":"test-1","status":"ERROR","message":"machine.nothing: no script declares this path"}]')
end)
t.case("seen before", function()
	t.accepted(t.task.write("machine.threshold", 25, { uid = "x" }))
	t.accepted(t.task.write("machine.threshold", 26, { uid = "x" }))
	t.equal(t.task.read("machine.threshold").value, 25)
end)
LUA
is($status, 0, 'tasks: mended, refused, acknowledged, done once') or diag($out);

# --- I/O that nothing stands for ---

my $dir;
($status, $out) = run_neap('test', folder('machine.lua' => $machine, 'machine_test.lua' => <<'LUA') . '/machine_test.lua');
local t = require "test"
t.case("one", function() t.advance("1m") end)
LUA
is($status, 1, 'I/O without a fake fails the case');
like($out, qr{^\# file\.exists\("/sys/class/thermal/thermal_zone0/temp"\) is not faked: test\.file\("/sys/class/thermal/thermal_zone0/temp", "text"\) or test\.file\(.*, false\)$}m, '... and says what to write');

# --- what stands for devices, below the library ---

$dir = folder('all.lua' => <<'SCRIPT', 'all_test.lua' => <<'TEST');
local asset = asset("a")
local meter = modbus.rtu { port = "/dev/ttyS1", timeout = "500ms" }
asset:modbus { bus = meter, unit = 3, every = "10s", variables = {
	power = { reg = 19, as = "s32", scale = 0.1 }, state = { reg = 22, type = "int" },
} }
asset:variable("door", { type = "boolean" })
asset:variable("changes", { type = "int" })
asset:variable("text", { type = "string" })
gpio.input("DI1", { run = function(on, time) asset:push("door", on, { time = time }) end })
local edges = asset:counter("edges", { gpio = "DI1", edge = "both", every = "1s" })
local relay = gpio.output("DO1", {})
local changes = 0
file.watch("/etc/x", function() changes = changes + 1 asset:push("changes", changes) end)
local run = {
	serial = function()
		local port <close> = serial.open { port = "/dev/ttyS2", timeout = "2s" }
		return port:transact("AT+CSQ\r", { ends = "OK\r\n" }):match("CSQ: (%d+)")
	end,
	tcp = function()
		local c <close> = tcp.connect { host = "10.0.0.7", port = 23 }
		c:write("hello\n")
		return c:read { ends = "\n", timeout = "1s" }
	end,
	udp = function()
		local c <close> = udp.open { host = "10.0.0.7", port = 99 }
		c:send("ping")
		return (c:receive { timeout = "5s" })
	end,
	http = function()
		local r = http.post("https://host/api", "x=1", { headers = { ["X-Key"] = "k" } })
		return r.status .. " " .. r.body
	end,
	relay = function() relay:set(true) meter:write_register(3, 22, 7) end,
	file = function()
		file.append("/var/log/x", "2\n")
		return table.concat(file.list("/var/log"), ",") .. " " .. file.stat("/var/log/x").size
	end,
	exec = function() return exec("uptime", { timeout = "3s" }).out end,
}
asset:command("run", { params = { what = { type = "string" } }, run = function(p)
	asset:push("text", run[p.what]() or "")
end })
SCRIPT
local t = require "test"
local registers = { [19] = 0xffff, [20] = 0xfff6, [21] = 0, [22] = 5 }
t.modbus("/dev/ttyS1", { [3] = { holding = registers } })
t.gpio("DI1", false)
t.gpio("DO1", false)
t.file("/etc/x", "")
local function run(what)
	return t.task.command("a.run", { what = what })
end

t.case("modbus", function()
	t.start()
	t.near(t.last("a.power"), -1, 1e-9)
	t.equal(t.last("a.state"), 5)
	t.accepted(run("relay"))
	t.equal(t.modbus("/dev/ttyS1")[3].holding[22], 7)
	t.equal(t.gpio("DO1"), true)
	t.modbus("/dev/ttyS1", { [3] = false })
	t.advance("20s")
	t.ok(t.bad("a.power"))
	t.logged("unit 3 on /dev/ttyS1 does not answer within 500 ms")
	t.advance("1s")
	t.modbus("/dev/ttyS1", { [3] = { holding = {} } })
	t.refused(t.task.read("a.state"), "unit 3 on /dev/ttyS1 refuses")
end)
t.case("edges and changes", function()
	t.advance("1s")
	t.gpio("DI1", true)
	t.gpio("DI1", true)
	t.advance("1s")
	t.gpio("DI1", false)
	t.file("/etc/x", "new")
	t.advance("1s")
	t.equal(t.samples("a.door"), { { value = true, time = 1767225601 }, { value = false, time = 1767225602 } })
	t.equal(t.values("a.changes"), { 1 })
	t.gpio("DI1", true)
	t.advance("2s")
	t.equal(t.last("a.edges"), 3)
end)
t.case("serial", function()
	t.serial("/dev/ttyS2", { ["AT+CSQ\r"] = "\r\n+CSQ: 17,99\r\n\r\nOK\r\n" })
	t.accepted(run("serial"))
	t.equal(t.last("a.text"), "17")
	t.serial("/dev/ttyS2", function(text) sleep(1) t.comes("/dev/ttyS2", "late +CSQ: 3,9 OK\r\n") end)
	t.accepted(run("serial"))
	t.equal(t.last("a.text"), "3")
	t.equal(t.wrote("/dev/ttyS2"), { "AT+CSQ\r" })
	t.serial("/dev/ttyS2", {})
	t.refused(run("serial"), "/dev/ttyS2: no answer in 2000 ms")
end)
t.case("connections and datagrams", function()
	t.tcp("10.0.0.7:23", { ["hello\n"] = "world\nmore" })
	t.accepted(run("tcp"))
	t.equal(t.last("a.text"), "world\n")
	t.tcp("10.0.0.7:23", false)
	t.refused(run("tcp"), "connection refused")
	t.udp("10.0.0.7:99", function(text) return text:upper() end)
	t.accepted(run("udp"))
	t.equal(t.last("a.text"), "PING")
end)
t.case("http", function()
	t.http("https://host/", function(request) return { status = 201, body = request.body .. request.headers[2] } end)
	t.accepted(run("http"))
	t.equal(t.last("a.text"), "201 x=1X-Key: k")
	t.equal(#t.requests("https://host/api"), 1)
	t.http("https://host/api", false)
	t.refused(run("http"), "connection refused")
end)
t.case("files and programs", function()
	t.file("/var/log/x", "1\n")
	t.accepted(run("file"))
	t.equal(t.last("a.text"), "x 4")
	t.exec("uptime", { out = "up", takes = "2s" })
	t.accepted(run("exec"))
	t.exec("uptime", { takes = "4s" })
	t.refused(run("exec"), "took longer than 3s")
	t.exec("uptime", function(line) t.fail(line .. " is gone", "EIO") end)
	t.refused(run("exec"), "uptime is gone")
end)
TEST
($status, $out) = run_neap('test', "$dir/all_test.lua");
is($status, 0, 'Modbus, digital lines, files, serial lines, connections, datagrams, HTTP, programs') or diag($out);

# --- nothing hangs (os.time: ThreadSanitizer keeps signals back until the next call into libc) ---

($status, $out) = try_cases(<<'LUA', 'loop.lua' => "every(\"1m\", \"spin\", function() while true do os.time() end end)\n", 'slow.lua' => <<'SLOW');
t.script("machine")
t.script("loop.lua")
t.script("slow.lua")
t.case("beside a loop", function()
	t.advance("2m")
	t.logged("\"spin\": loop.lua:1: ended: it took more than its budget")
	t.equal(t.last("machine.temperature"), 23.2)
end)
t.case("a loop of the test's own", function() while true do os.time() end end)
t.case("a task that hangs", function() t.refused(t.task.command("slow.wait"), "took longer than 30s") end)
LUA
asset("slow"):command("wait", { timeout = "30s", run = function() sleep("1h") end })
SLOW
is($status, 1, 'endless loops') or diag($out);
like($out, qr/^ok 1 .*\nnot ok 2 .*\n# machine_test\.lua:\d+: ended: it took more than its budget of 1s.*\n(?:#.*\n)*ok 3 /, '... are ended, in the script and in the test') or diag($out);

# --- what is wrong ---

($status, $out, $err) = run_neap('test');
is_deeply([ $status, $out ], [ 2, '' ], 'no file: status 2');
like($err, qr/^usage: neap test /, '... and the usage');
($status, $out, $err) = run_neap('test', "$root/examples/machine.lua");
is($status, 2, 'no test file: status 2');
like($err, qr/a test file is called \*_test\.lua/, '... and why');
($status, $out, $err) = try_cases('t.cse("x")');
is($status, 2, 'a test file that does not load: status 2');
like($err, qr{/machine_test\.lua:3: test has no "cse" \(did you mean "case"\?\)$}m, '... says where');
($status, $out, $err) = run_neap('test', folder('machine_test.lua' => "local t = require 'test' t.case('one', function() t.start() end)\n"));
is($status, 1, 'without the script: status 1');
like($out, qr{machine\.lua: there is no such script$}m, '... named');
($status, $out) = try_cases('t.case("one", { params = { sensr = "x" } }, function() t.start() end)');
like($out, qr/params\.machine\.sensr: the script has no such parameter \(did you mean "sensor"\?\)/, 'a parameter that the script has not');
($status, $out) = try_cases('t.case("one", function() local x = nil; x.y = 1 end)');
like($out, qr/^# machine_test\.lua:3: attempt to index a nil value \(local 'x'\)$/m, 'an error in the test itself');
($status, $out) = try_cases('t.case("one", function() file.read("/etc/passwd") end)');
like($out, qr/a test file reaches no device: test\.file is what the script meets in its place/, 'a test file itself reaches nothing');

# --- a folder ---

$dir = folder('a.lua' => 'asset("a"):variable("x")', 'a_test.lua' => 'local t = require "test" t.case("a", function() t.start() end)',
    'b.lua' => 'asset("b"):variable("x")', 'b_test.lua' => 'local t = require "test" t.case("b", function() t.ok(false) end)');
($status, $out) = run_neap('test', $dir);
is($status, 1, 'all tests of a folder');
is($out, "ok 1 - a_test: a\nnot ok 2 - b_test: b\n# b_test.lua:1: not true\n#   got      false\n1..2\n", '... with one plan');

# --- the manual's example ---

my $page = slurp("$root/docs/testing.md");
my ($script, $test) = $page =~ /^```lua\n(.*?)^```/msg;
my ($printed) = $page =~ /^\$ neap test tank_test\.lua\n(.*?)^```/ms;
$dir = folder('tank.lua' => $script, 'tank_test.lua' => $test);
($status, $out) = run_neap('test', "$dir/tank_test.lua");
is_deeply([ $status, $out ], [ 0, $printed ], 'docs/testing.md: what it prints comes');
spew("$dir/tank_test.lua", $test =~ s/42\)$/43)/mr);
(undef, $out) = run_neap('test', "$dir/tank_test.lua");
($printed) = $page =~ /^```\n(not ok.*?)^```/ms;
like($out, qr/^\Q$printed\E/m, '... and the failure');
done_testing;
