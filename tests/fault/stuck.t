#!/usr/bin/perl
# A C function that never comes back: the process starts again in its place, the script at fault is set aside at the
# second time, the others do their work, and `neap reload NAME` brings it back.
use strict;
use warnings;
use NeapTest;
use Test::More;

plan(skip_all => 'ThreadSanitizer keeps signals back until a system call') if ($ENV{NEAP_BIN} // '') =~ /tsan/;
plan(skip_all => 'the preloaded function is not valgrind\'s client\'s') if $ENV{NEAP_RUN};

my $stuck = 'on("start", function() pcall(os.date, "!%Y", 230000000) end)';
my $other = <<'LUA';
policy("fast", { flush = "now" })
local m = asset("m")
local n = m:setting("n", { type = "int", default = 0 })
m:variable("count", { type = "int", policy = "fast" })
every("200ms", "count", function() n:set(n:get() + 1) m:push("count", n:get()) end)
LUA

my $broker = start_broker();
my $sub    = subscribe($broker);
my $config = write_config($broker, scripts => { 'stuck.lua' => $stuck, 'other.lua' => $other });
my ($dir)  = slurp($config) =~ /dir: (\S+scripts)\b/;
my $neap = do {
    local $ENV{LD_PRELOAD} = tool('x') =~ s{tools/x$}{stuck_preload.so}r;
    start_neap($config);
};
my $pid = $neap->pid;

sub script {
    my ($name) = @_;
    return (grep { $_->{name} eq $name } @{ ($neap->status // return)->{scripts} })[0];
}

# twice, in the same process; then without it
$neap->wait_log(qr/(?:starts again, because this script does not come back from a function: stuck\n.*){2}/s, 60);
$neap->wait_log(qr/stuck\.lua: set aside: it brought neap down 2 times/, 30);
$neap->wait_state('connected');
is($neap->status->{pid}, $pid, 'it is the same process');
my @starts = $neap->log =~ /runs as \S+, pid (\d+)/g;
is_deeply(\@starts, [ ($pid) x 3 ], 'started three times');

# what the processes before had open is closed
sub sockets {
    my ($of) = @_;
    return scalar grep { (readlink("/proc/$of/fd/" . s{.*/}{}r) // '') =~ /^socket:/ } glob("/proc/$of/fd/*");
}
my $sockets = sockets($pid);

my $why = qr/set aside: it brought neap down 2 times, by a function that did not come back; mend it, then `neap reload stuck` brings it back/;
is(script('stuck')->{state}, 'set aside', 'status --json: the state');
like(script('stuck')->{error}, $why, 'and why');
is(script('other')->{state}, 'running', 'the other one runs');
my ($status, $out) = run_neap('status', '-c', $config);
like($out, qr/^script +stuck: .*$why/m, 'status for people');
($status, $out) = run_command(\":status\n", $ENV{NEAP_BIN} // root_dir() . '/build/rel/neap', 'repl', '-c', $config);
like($out, qr/^script +stuck: .*$why/m, 'the REPL');

# the scripts that reload takes all together leave it aside; by its name it comes back
spew("$dir/stuck.lua", 'on("start", function() log.info("mended") end)');
($status, $out) = run_neap('reload', '-c', $config);
is($status, 1, 'a reload of all');
is(script('stuck')->{state}, 'set aside', 'does not bring it back');
my $from = length $neap->log;
($status, $out, my $err) = run_neap('reload', '-c', $config, 'stuck');
is("$status $out$err", "0 stuck: new\n", 'neap reload stuck does');
$neap->wait_log(qr/script\.stuck: mended/, 20, $from);
is(script('stuck')->{state}, 'running', 'it runs');
is($neap->stop, 0, 'a clean stop');
$from = length $neap->log;
$neap->again;
$neap->wait_log(qr/script\.stuck: mended/, 20, $from);
is(script('stuck')->{state}, 'running', 'it is forgiven for good');
$neap->wait_state('connected');
is($sockets, sockets($neap->pid), 'no socket was left open by the restarts');

# all that the other one pushed arrived
sub numbers { return join('', map { $_->{payload} } $sub->messages) =~ /"value":"?(\d+)/g }
my ($last) = wait_for(sub { my @got = sort { $a <=> $b } numbers(); @got && $got[-1] > 10 && $got[-1] }, 30, 'numbers');
is($neap->stop, 0, 'a clean stop');
my %seen = map { $_ => 1 } numbers();
is_deeply([ grep { !$seen{$_} } 1 .. $last ], [], "1 to $last arrived");
done_testing();
