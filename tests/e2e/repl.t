# `neap repl`: chunks in the running agent, by -e, by standard input and at a terminal.
use strict;
use warnings;
use File::Basename qw(dirname);
use IO::Socket::INET;
use POSIX ();
use Test::More;
use NeapTest;

my $lua = <<'LUA';
local machine = asset("machine")
machine:variable("temperature", { read = function() return 23.5 end })
machine:variable("broken", { read = function() error("no sensor", 0) end })
machine:setting("threshold", { type = "int", default = 30, min = 0, max = 100 })
machine:command("reset", { params = { delay = { type = "int", default = 0 } },
	run = function(p) log.info("reset ran", p.delay) end })
LUA
my $broker = start_broker();
my $sub    = subscribe($broker, topic => 'GW-1/messages/json');
my $config = write_config($broker, scripts => { 'machine.lua' => $lua });
my $neap   = start_neap($config);
$neap->wait_state('connected');

sub repl { return run_neap('repl', '-c', $config, @_) }

# the chunk, exit status, output, messages
my @table = (
    ['1 + 1', 0, qr/^2\n$/, qr/^$/],
    ['x = { a = 1, b = { 2, 3 } }', 0, qr/^$/, qr/^$/],
    ['x', 0, qr/^\{ a = 1, b = \{ 2, 3 \} \}\n$/, qr/^$/],
    ['"a\nb"', 0, qr/^"a\\nb"\n$/, qr/^$/],
    ['print("hello", 1) return nil', 0, qr/^hello\t1\nnil\n$/, qr/^$/],
    ['1 > 2', 1, qr/^false\n$/, qr/^$/],
    ['error("boom")', 1, qr/^$/, qr/^console:1: boom\n/],
    ['local function f() error("deep") end f()', 1, qr/^$/, qr/deep\nconsole:1: in function f\nconsole:1: in the chunk\n/],
    ['for i = 1', 1, qr/^$/, qr/^console:1: .*<eof>\n$/],
    ['while true do os.time() end', 1, qr/^$/, qr/more than its budget/],
    ['sleep(0.01) return "slept"', 0, qr/^"slept"\n$/, qr/^$/],
    ['asset("x")', 1, qr/^$/, qr/declarations belong into a script/],
    ['state{ n = 1 }', 1, qr/^$/, qr/state: declarations belong into a script/],
    ['local t = {} for i = 1, 1000 do t[i] = i end return t', 0, qr/\.\.\. 960 more/, qr/^$/],
    ['read "machine.temperature"', 0, qr/^23\.5\n$/, qr/decoded +read machine\.temperature \(machine\.lua:2\)\n +handler +[\d.]+ ms in all\n.*\n +body +.*machine\.temperature.*23\.5.*\n +outcome +OK\n +published no/],
    ['read "machine.temprature"', 1, qr/^$/, qr/did you mean "machine\.temperature"/],
    ['read "machine.broken"', 1, qr/^$/, qr/no sensor/],
    ['write("machine.threshold", 25)', 0, qr/^$/, qr/decoded +write machine\.threshold = 25 \(machine\.lua:4\)\n +stopped +before the handler/],
    ['write("machine.threshold", 900)', 1, qr/^$/, qr/900 is above its maximum 100/],
    ['command("machine.reset", { delay = 3 })', 0, qr/^$/, qr/command machine\.reset delay=3 \(machine\.lua:5\)\n +stopped/],
    ['file.write("/tmp/never-written-by-neap", "x")', 1, qr/^$/, qr/not armed: `:arm 5m`/],
    ['exec("touch /tmp/never-written-by-neap")', 1, qr/^$/, qr/exec has effects, and the console is not armed: `:arm 5m`/],
    ['gpio.output("DO1"):set(true)', 1, qr/^$/, qr/gpio\.output has effects, .*not armed/],
    ['http.get("http://127.0.0.1:9/")', 1, qr/^$/, qr/has effects, .*not armed/],
    ['file.remove("/tmp/never-written-by-neap")', 1, qr/^$/, qr/file\.remove has effects, .*not armed/],
    ['file.watch("/tmp/", print)', 1, qr/^$/, qr/file\.watch has effects, .*not armed/],
    ['tcp.connect{ host = "127.0.0.1", port = 9 }', 1, qr/^$/, qr/tcp\.connect has effects, .*not armed/],
    ['udp.open{ listen = 0 }', 1, qr/^$/, qr/udp\.open has effects, .*not armed/],
    ['serial.open{ port = "/dev/null" }:write("x")', 1, qr/^$/, qr/serial has effects, .*not armed/],
    ['modbus.tcp{ host = "127.0.0.1" }:coils(1, 1)', 1, qr/^$/, qr/modbus has effects, .*not armed/],
    ['#file.list("/") > 3 and file.stat("/").kind', 0, qr/^"folder"\n$/, qr/^$/],
    ['task \'[{"uid":"u1","read":["machine.temperature"]}]\'', 0, qr/^true\n$/, qr/datapoint +machine\.temperature = 23\.5/],
    ['task \'[{"uid":"u1","reed":[]}]\'', 1, qr/^false\n"/, qr/refused/],
);
for my $row (@table) {
    my ($chunk, $expected, $out_like, $err_like) = @$row;
    my ($status, $out, $err) = repl('-e', $chunk);
    is($status, $expected, "$chunk: the exit status") or diag($out, $err);
    like($out, $out_like, '... the result');
    like($err, $err_like, '... the messages');
}
ok(!-e '/tmp/never-written-by-neap', 'nothing was written');
unlike($neap->log, qr/reset ran/, 'no handler of a command ran');
is(scalar($sub->messages), 1, 'only the settings at the start were published');

# --- JSON, standard input ---
my ($status, $out, $err) = repl('--json', '-e', '{ 1 }');
is_deeply(decode($out)->{results}, ['{ 1 }'], '--json gives the answer as it is');
($status, $out, $err) = run_neap_input("y = 20\nif y > 10 then\n  print('more')\nend\ny + 1\n");
is_deeply([ $status, $out ], [ 0, "more\n21\n" ], 'standard input, a chunk over several lines') or diag($err);
($status, $out, $err) = run_neap_input("error('first')\n1\n");
is($status, 0, 'the exit status is that of the last result');
($status, $out, $err) = run_neap_input(":sensors\n");
like($out, qr/^machine\.threshold +30 +default /m, ':sensors');
($status, $out, $err) = run_neap_input(":status\n:queue\n:nonsense\n");
like($out, qr/^link +connected/m, ':status');
is($status, 1, 'an unknown command fails');
($status, $out, $err) = run_neap_input(":help sleep\n:help\n");
like($out, qr/^sleep\(duration\)\n    Waits\..*^  :status /ms, ':help, with a name and without');
($status, $out, $err) = run_neap_input(":help slepe\n");
is("$status $err", qq(1 there is no function slepe (did you mean "sleep"?)\n), ':help of what is not there');

sub run_neap_input {
    my ($text) = @_;
    my @run = split ' ', $ENV{NEAP_RUN} // '';
    return run_command(\$text, @run, $ENV{NEAP_BIN} // root_dir() . '/build/rel/neap', 'repl', '-c', $config);
}

# --- a read waits for its turn like any task's, armed or not ---
run_neap('hold', '-c', $config, 'tasks', '1h');
my $waiting = start_program({ name => 'waiting' }, $ENV{NEAP_BIN} // root_dir() . '/build/rel/neap', 'repl', '-c', $config, '-e', 'read "machine.temperature"');
wait_for(sub { (repl('-e', '1'))[2] =~ /another chunk runs/ }, 20, 'the read to wait');
is((repl('-e', '1'))[0], 1, 'while tasks are held the read waits');
run_neap('hold', '-c', $config, 'off');
is($waiting->wait_end, 0, '... and goes on after it');
like($waiting->log, qr/^23\.5$/m, '... to its value');
($status, $out, $err) = repl('-e', q(task '[{"uid":"u2","read":["machine.temperature","machine.broken"]},{"uid":"u3","write":[{"machine.threshold":1}]}]'));
like($err, qr/datapoint +machine\.temperature = 23\.5\n.*outcome +ERROR: machine\.broken: no sensor\n +published +no.*\n +stopped +before the handler/s, 'reads run, writes stop');
is($neap->status->{tasks}{done}, 0, 'none of it counts as done');
is(scalar($sub->messages), 1, 'and still nothing was published');

# --- armed ---
($status, $out, $err) = run_neap_input(":arm 1m\nwrite('machine.threshold', 26)\ncommand('machine.reset', { delay = 4 })\n");
is($status, 0, 'armed, it runs') or diag($out, $err);
like($out, qr/^26\n/, 'the value in force');
like($err, qr/published .*machine\.threshold.*26/, 'what was published');
like($neap->log, qr/reset ran\s+4/, 'the command ran');
like($neap->log, qr/console: armed for 1m by \w+/, 'who armed it is in the log');
($status, $out, $err) = run_neap_input("run, s = exec, udp.open{ listen = 0 }\nrun{ 'echo', 7 }.out\n");
is_deeply([ $status, $out ], [ 0, qq("7\\n"\n) ], 'programs run') or diag($err);
wait_for(sub { grep { /machine\.threshold.*26/ } $sub->payloads }, 10, 'the written value');
run_neap_input(":arm off\n");
($status, $out, $err) = repl('-e', "command('machine.reset', { delay = 5 })");
like($err, qr/not armed/, 'and no more');
($status, $out, $err) = repl('-e', "run{ 'echo', 7 }");
like($err, qr/exec has effects, .*not armed/, 'by a name given while it was armed neither');
($status, $out, $err) = repl('-e', "s:send('x', '127.0.0.1', 9)");
like($err, qr/udp has effects, .*not armed/, 'nor with what was opened then');

# --- who hangs up ends the chunk ---
my $held = start_program({ name => 'held' }, $ENV{NEAP_BIN} // root_dir() . '/build/rel/neap', 'repl', '-c', $config, '-e',
    'log.info("held") sleep(600)');
$neap->wait_log(qr/ script\.console: held$/m);
like((repl('-e', '1'))[2], qr/another chunk runs/, 'one chunk at a time');
$held->kill9;
wait_for(sub { (repl('-e', '1'))[0] == 0 }, 20, 'the console to be free again');

# --- reload, load ---
my $scripts = dirname($config) . '/scripts';
($status, $out, $err) = run_neap_input(":reload\n");
is_deeply([ $status, $out ], [ 0, "nothing changed\n" ], ':reload') or diag($err);
my $other = temp_dir() . '/machine.lua';
spew($other, $lua =~ s/return 23\.5/return 24.5/r);
($status, $out, $err) = run_neap_input(":load $other --try 5m\nread 'machine.temperature'\n");
is($status, 0, ':load') or diag($err);
like($out, qr/kept as \S+machine\.lua\.before\nmachine: reloaded\n24\.5\n/, '... is in force');
is(slurp("$scripts/machine.lua.before"), $lua, '... the one before is kept');
like((run_neap_input(":status\n"))[1], qr/on trial for another [45]m/, '... on trial');
run_neap('reload', '-c', $config, '--confirm');
spew($other, 'nonsense(');
($status, $out, $err) = run_neap_input(":load $other\n");
is($status, 1, 'one that does not load');
like($err, qr/machine\.lua:1: /, '... and why');
is((repl('-e', 'read "machine.temperature"'))[1], "24.5\n", '... the one before goes on');
like(slurp("$scripts/machine.lua"), qr/return 24\.5/, '... and is back in its place');
spew("$scripts/machine.lua", $lua);
is((run_neap_input(":reload machine\n"))[0], 0, ':reload of one');
is((run_neap_input(":load nothing.lua\n"))[0], 1, 'no such file');
is((run_neap_input(":load\n"))[0], 1, 'no file');
is((run_neap_input(":time +1h\n"))[0], 1, ':time is for offline');
is((run_neap_input(":log mqtt=debug 1m\n"))[0], 0, ':log sets a level');
like($neap->log, qr/the level of mqtt: debug for 1m/, '... for a time');
is((run_neap_input(":trace nothing\n"))[0], 1, ':trace of nothing');
($status, $out, $err) = run_neap_input(":help\n:sensors\n:status\n:queue\n:help asset.variable\n");
is_deeply([ grep { length > 80 } split /\n/, $out ], [], 'what they print fits 80 columns');
like($out, qr/^machine\.temperature +24\.5 +good +\S+ +- +0$|^machine\.temperature +- +none/m, ':sensors');
unlike((run_neap_input("error('x')\n"))[2], qr/\e\[/, 'no colours but on a terminal');

is($neap->stop, 0, 'a clean stop');
is((repl('-e', '1'))[0], 1, 'without an agent it fails');

# --- offline: all runs, nothing is kept ---
my $state = join(',', sort map { s{.*/}{}r . ':' . -s $_ } grep { -f } glob(dirname($config) . '/state/*'));
my @before = glob(($ENV{TMPDIR} // '/tmp') . '/neap-repl-*');
($status, $out, $err) = run_neap('repl', '-c', $config, '--offline', '-e', 'return read "machine.threshold", write("machine.threshold", 77), read "machine.threshold"');
is_deeply([ $status, $out ], [ 0, "26\n77\n77\n" ], 'offline: the state that was, and a write') or diag($err);
like($err, qr/published .*77/, '... what would leave');
($status, $out, $err) = run_neap('repl', '-c', $config, '--offline', '-e', 'return read "machine.threshold"');
is($out, "26\n", 'and nothing of it was kept') or diag($err);
($status, $out, $err) = run_neap('repl', '-c', $config, '--offline', '-e', 'sleep(0.05) command("machine.reset", { delay = 6 }) error("x")');
is($status, 1, 'offline: an error fails');
like($err, qr/reset ran\s+6/, '... the command ran');
my @offline = ($ENV{NEAP_BIN} // root_dir() . '/build/rel/neap', 'repl', '-c', $config, '--offline');
spew("$scripts/beat.lua", <<'BEAT');
local beat, count = asset("beat"), 0
beat:variable("count", { type = "int", every = "1m", read = function() count = count + 1 return count end })
beat:variable("bad", { every = "10m", read = function() error("never", 0) end })
BEAT
my $input = "sleep('1h')\nread 'beat.count'\n:time +1d\n:sensors beat\n:status\n";
my $began = time;
($status, $out, $err) = run_command(\$input, @offline);
like($out, qr/^62\n1d passed, 1440 samples were taken\n/m, 'offline time passes where a chunk waits, and by :time') or diag($err);
like($out, qr/^beat\.count +15\d\d +good +\d\S* +\d\S* +0$/m, '... the sensors after it');
like($out, qr/^beat\.bad +- +bad +- +\S+ +\d+\n  error: never$/m, '... the one that fails');
is($status, 1, '... :status needs an agent');
unlink("$scripts/beat.lua");
is_deeply([ glob(($ENV{TMPDIR} // '/tmp') . '/neap-repl-*') ], \@before, 'the copy is removed') if !@before;
is(join(',', sort map { s{.*/}{}r . ':' . -s $_ } grep { -f } glob(dirname($config) . '/state/*')), $state, 'the state is as it was');
($status, $out, $err) = run_neap('repl', '-c', $config, '--offline', '-e',
    'return exec{ "sh", "-c", "sleep 0.3; echo 7", timeout = "20s" }.out, select(3, try(exec, { "sleep", 60, timeout = "300ms" }))');
is_deeply([ $status, $out ], [ 0, qq("7\\n"\n"ETIMEDOUT"\n) ], 'a program has its own time, which no clock of ours overtakes') or diag($err);
($status, $out, $err) = run_neap('repl', '-c', $config, '--offline', '-e',
    'return select(3, try(function() udp.open{ listen = 0 }:receive{ timeout = "300ms" } end))');
is_deeply([ $status, $out ], [ 0, qq("ETIMEDOUT"\n) ], 'so has who waits for a datagram') or diag($err);

# a peer that hangs up is an error in the script, and not the end of the process
my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1) or die "no socket: $!";
my $peer = fork // die "no fork: $!";
if (!$peer) {
    close($listener->accept);
    POSIX::_exit(0);
}
($status, $out, $err) = run_neap('repl', '-c', $config, '--offline', '-e',
    'local c = tcp.connect{ host = "127.0.0.1", port = ' . $listener->sockport . ' } try(c.read, c) ' .
    'for i = 1, 100 do local ok, why = try(c.write, c, "x") if why then return "told" end sleep(0.01) end');
waitpid($peer, 0);
is_deeply([ $status, $out ], [ 0, qq("told"\n) ], 'a write to a peer that went') or diag($err);
done_testing;
