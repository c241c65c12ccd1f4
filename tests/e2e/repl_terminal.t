# `neap repl` at a real terminal, in tmux: the prompt, completion, history, Ctrl-C.
use strict;
use warnings;
use Test::More;
use NeapTest;

plan skip_all => 'tmux is not installed' if system('command -v tmux >/dev/null 2>&1') != 0;

my $lua = <<'LUA';
local machine = asset("machine")
policy("default", { flush = "200ms" })
local steps = 0
asset("beat"):variable("steps", { every = "100ms", read = function() steps = steps + 1 return steps end })
machine:variable("temperature", { read = function() return 23.5 end })
machine:setting("threshold", { type = "int", default = 30 })
machine:setting("throttle", { type = "int", default = 1 })
LUA
my $config = write_config(start_broker(), scripts => { 'machine.lua' => $lua });
my $neap   = start_neap($config);
$neap->wait_state('connected');

my $socket = test_dir() . '/tmux';
my $home   = temp_dir();
my $bin    = $ENV{NEAP_BIN} // root_dir() . '/build/rel/neap';
sub tmux { return run_command('tmux', '-S', $socket, '-f', '/dev/null', @_) }
sub screen { return (tmux('capture-pane', '-p', '-J'))[1] }
sub type_keys { return tmux('send-keys', @_) }
sub appears {
    my ($like, $what) = @_;
    my $seen = eval { wait_for(sub { screen() =~ $like }, 20, $what) };
    ok($seen, $what) or diag(screen());
    return;
}
sub session {
    return tmux('new-session', '-d', '-x', '80', '-y', '24', "env HOME=$home XDG_STATE_HOME= TERM=screen $bin repl -c $config");
}
END { local $?; tmux('kill-server') if defined $socket && -S $socket }

session();
appears(qr/^neap> *$/m, 'the prompt');
type_keys('-l', "1 + 1");
type_keys('Enter');
appears(qr/^2$/m, 'a value');
type_keys('-l', 'read "mach');
type_keys('Tab');
appears(qr/^neap> read "machine\.t *$/m, 'Tab completes what is common');
type_keys('Tab');
appears(qr/machine\.temperature +machine\.threshold +machine\.throttle/, 'and lists the rest');
type_keys('-l', 'e');
type_keys('Tab');
appears(qr/^neap> read "machine\.temperature *$/m, 'one is left');
type_keys('-l', '"');
type_keys('Enter');
appears(qr/^23\.5$/m, 'its value');
type_keys('-l', 'write("machine.thre');
type_keys('Tab');
appears(qr/write\("machine\.threshold *$/m, 'settings for write');
type_keys('C-c');
appears(qr/\^C\s+neap> *$/m, 'Ctrl-C drops the line');
type_keys('-l', 'for i = 1, 3 do');
type_keys('Enter');
appears(qr/^   > *$/m, 'a chunk that is not whole asks on');
type_keys('-l', 'print("turn " .. i) end');
type_keys('Enter');
appears(qr/^turn 3$/m, '... and runs');
type_keys('-l', 'sleep(600)');
type_keys('Enter');
wait_for(sub { (run_neap('repl', '-c', $config, '-e', '1'))[2] =~ /another chunk runs/ }, 20, 'the chunk to run');
type_keys('C-c');
appears(qr/^stopped$/m, 'Ctrl-C ends the chunk');
is((run_neap('repl', '-c', $config, '-e', '6 * 7'))[1], "42\n", 'and not the agent');
type_keys('-l', ':sta');
type_keys('Tab');
type_keys('Enter');
appears(qr/^link +connected/m, 'a colon command, completed');
for my $row (
    [ ':trace beat.steps', qr/acknowledged +default #\d+/, 'a trace' ],
    [ ':tail beat.steps', qr/beat\.steps +\d+ [^\n]*good/, 'datapoints live' ],
    [ ':log debug', qr/info +\w+: /, 'the log live' ]) {
    my ($line, $like, $what) = @$row;
    type_keys('-l', ":trace beat") if $line =~ /trace/;
    type_keys('Tab') if $line =~ /trace/;
    type_keys('-l', $line) if $line !~ /trace/;
    type_keys('Enter');
    run_neap('log', '-c', $config, '--set', 'nothing=info') if $line =~ /log/;
    appears($like, $what);
    type_keys('C-c');
    type_keys('-l', "'after$line'");
    type_keys('Enter');
    appears(qr/^"after$line"$/m, "... and Ctrl-C ends it");
}
mkdir("$home/folder");
spew("$home/folder/a file's.txt", 'content');
type_keys('-l', "file.read \"$home/fol");
type_keys('Tab');
type_keys('-l', 'a');
type_keys('Tab');
appears(qr/folder\/a file's\.txt/, 'names of files');
type_keys('C-c');
type_keys('-l', "= \x{e9}t\x{e9}");
type_keys('C-c');
tmux('pipe-pane', '-o', "cat >$home/bytes");
type_keys('-l', 'local a_line_of_thirty_letters');
appears(qr/a_line_of_thirty_letters *$/m, 'a long line is typed');
tmux('pipe-pane');
cmp_ok(-s "$home/bytes", '<', 300, 'which costs few bytes: ' . -s "$home/bytes");
type_keys('C-c');
type_keys('-l', ':quit');
type_keys('Enter');
wait_for(sub { -s "$home/.neap_history" }, 20, 'the history');
like(slurp("$home/.neap_history"), qr/turn/, 'the history is kept');
session();
appears(qr/^neap> *$/m, 'again');
type_keys('Up');
type_keys('Up');
appears(qr/^neap> 'after:log debug' *$/m, 'the history is there again');
tmux('kill-server');

# --- colours: on a terminal, unless somebody does not want them ---
for my $row ([ '', qr/\e\[31m/, 'an error in red' ], [ 'NO_COLOR=1', qr/console:1: x\n/, 'NO_COLOR' ]) {
    my ($env, $like, $what) = @$row;
    tmux('new-session', '-d', '-x', '80', '-y', '24', "env HOME=$home TERM=screen $env $bin repl -c $config");
    appears(qr/^neap> *$/m, 'the prompt');
    type_keys('-l', 'error("x")');
    type_keys('Enter');
    appears(qr/^console:1: x$/m, 'an error');
    my (undef, $raw) = tmux('capture-pane', '-p', '-e');
    like($raw, $like, $what);
    unlike($raw, qr/\e\[3/, '... means none') if $env;
    tmux('kill-server');
}

# --- built without libedit: lines as they come ---
$bin = $ENV{NEAP_BUILD} ? "$ENV{NEAP_BUILD}/tests/neap-plain" : root_dir() . '/build/rel/tests/neap-plain';
session();
appears(qr/^neap> *$/m, 'plain: the prompt');
type_keys('-l', 'for i = 1, 2 do');
type_keys('Enter');
type_keys('-l', 'print("plain " .. i) end');
type_keys('Enter');
appears(qr/^plain 2$/m, 'plain: a chunk of two lines');
type_keys('-l', 'sleep(600)');
type_keys('Enter');
wait_for(sub { (run_neap('repl', '-c', $config, '-e', '1'))[2] =~ /another chunk runs/ }, 20, 'the chunk to run');
type_keys('C-c');
appears(qr/^stopped$/m, 'plain: Ctrl-C ends the chunk');
type_keys('-l', ':sensors beat.steps');
type_keys('Enter');
appears(qr/^beat\.steps +\d+ +good/m, 'plain: a command');
type_keys('C-d');
wait_for(sub { !-S $socket || (tmux('list-sessions'))[0] != 0 }, 20, 'the end');
unlike((run_command('ldd', $bin))[1], qr/libedit/, 'plain: it is without libedit');
is($neap->stop, 0, 'a clean stop');
done_testing;
