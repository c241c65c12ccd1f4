#!/usr/bin/perl
# Many reloads, good and broken ones in turn, of a script that measures and holds handles: the agent's memory stays what it
# was, no handle is left, and no sample is lost. RELOADS=10000 for the long run.
use strict;
use warnings;
use IO::Socket::UNIX;
use NeapTest;
use Test::More;

my $reloads = $ENV{RELOADS} // 300;
my $warm    = 200;

my $lua = <<'LUA';
policy("fast", { flush = "200ms" })
local m = asset("m")
local kept = state { n = 0 }
m:variable("count", { type = "int", policy = "fast" })
m:setting("limit", { type = "int", default = 3 })
m:command("reset", { run = function() end })
every("20ms", "count", function()
	kept.n = kept.n + 1
	m:push("count", kept.n)
end)
local socket, watch
on("start", function()
	socket = udp.open { listen = 0 }
	watch = file.watch("/etc/hostname", function() end)
end)
cron("0 3 * * *", "nightly", function() end)
LUA

my $broker = start_broker();
my $sub    = subscribe($broker);
my $config = write_config($broker, scripts => { 'machine.lua' => $lua });
my $neap   = start_neap($config);
$neap->wait_state('connected');
my ($dir)  = slurp($config) =~ /dir: (\S+scripts)\b/;
my $socket = IO::Socket::UNIX->new(Peer => $dir =~ s{scripts$}{neap.sock}r) or die "the control socket: $!";

sub ask {
    my ($request) = @_;
    my ($head, $body) = ('', '');
    print {$socket} pack('N', length $request), $request;
    $socket->flush;
    read($socket, $head, 4) == 4 or die "no answer";
    read($socket, $body, unpack('N', $head)) == unpack('N', $head) or die "half an answer";
    return $body;
}

sub rss {
    my ($kb) = slurp('/proc/' . $neap->pid . '/status') =~ /^VmRSS:\s+(\d+)/m;
    return $kb;
}
sub handles { return scalar(() = glob('/proc/' . $neap->pid . '/fd/*')) }

# gives what went wrong
sub reload {
    my ($i) = @_;
    my $good = $i % 2;
    spew("$dir/machine.lua", $good ? "-- $i\n$lua" : "-- $i\n$lua\n" . ('x = = 1', 'asset("m"):variable("count")', 'error("late")')[$i / 2 % 3]);
    my $answer = ask('{"v":1,"cmd":"reload"}');
    my $wanted = $good ? qr/"result":"reloaded"/ : qr/"result":"refused".*machine\.lua:\d+: /s;
    return $answer =~ $wanted ? () : "reload $i: $answer";
}

my (@wrong, $before, $handles);
for my $i (1 .. $warm + $reloads) {
    push(@wrong, reload($i));
    last if @wrong;
    ($before, $handles) = (rss(), handles()) if $i == $warm;
}
is("@wrong", '', 'each reload is what it should be');
my $after = rss();
diag("RSS after $warm reloads $before KB, after " . ($warm + $reloads) . " $after KB");
SKIP: {
    skip('a sanitizer or valgrind keeps memory that was freed', 1) if $ENV{NEAP_RUN} || ($ENV{NEAP_BIN} // '') =~ m{/(?:asan|tsan|stress)/};
    cmp_ok($after, '<', $before * 1.05, 'the memory stays what it was, within 5%');
}
is(handles(), $handles, 'no handle is left');

sub numbers { return join('', map { $_->{payload} } $sub->messages) =~ /"value":"?(\d+)/g }
is($neap->stop, 0, 'a clean stop');
my %seen = map { $_ => 1 } numbers();
my ($last) = sort { $b <=> $a } keys %seen;
cmp_ok($last, '>', 20, "numbers up to $last");
is_deeply([ grep { !$seen{$_} } 1 .. $last ], [], 'none is missing');
done_testing();
