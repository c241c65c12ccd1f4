# The control socket under abuse: silent clients, halves of messages, garbage, 10 MB. Sensors keep their beat.
use strict;
use warnings;
use IO::Socket::UNIX;
use Test::More;
use NeapTest;

my $lua = <<'LUA';
local machine = asset("machine")
local last, worst = nil, 0
machine:variable("worst", { read = function() return worst end })
every("20ms", "beat", function()
	local time = uptime()
	if last then worst = math.max(worst, time - last) end
	last = time
end)
machine:setting("clear", { type = "int", default = 0, write = function() worst = 0 end })
LUA
my $config = write_config(start_broker(), scripts => { 'machine.lua' => $lua });
my $neap   = start_neap($config);
$neap->wait_state('connected');
my ($path) = slurp($config) =~ /^control: *\{ *socket: *([^ }]+)/m;
ok($path, 'the socket') or BAIL_OUT('no socket in the configuration');

local $SIG{PIPE} = 'IGNORE';
sub client {
    my $client = IO::Socket::UNIX->new(Peer => $path) or return;
    $client->autoflush(1);
    return $client;
}

# What the agent says, or '' if it hung up.
sub answer {
    my ($client) = @_;
    my $read = sub {
        my ($length) = @_;
        my $data = '';
        while (length($data) < $length) { sysread($client, $data, $length - length $data, length $data) or return }
        return $data;
    };
    my $head = $read->(4) // return '';
    return $read->(unpack 'N', $head) // '';
}

sub memory { return (slurp('/proc/' . $neap->pid . '/status') =~ /^VmRSS:\s+(\d+)/m)[0] }

run_neap('task', '-c', $config, 'write', 'machine.clear=1');
my $before = memory();
my @silent;
for my $i (1 .. 25) {
    my $half = client() or next;
    syswrite($half, pack('N', 1_000_000) . '{"v":1,' . ' ' x 1000);    # the rest never comes
    push @silent, $half;
    my $whole = client() or next;
    syswrite($whole, pack('N/a*', '{"v":1,"cmd":"status"}') x 20);     # the answers are never read
    push @silent, $whole;
}
is(scalar(@silent), 50, '50 clients');
my @lookers;
for (1 .. 5) {
    my $looker = client() or next;
    syswrite($looker, pack('N/a*', '{"v":1,"cmd":"tail"}'));                # and never reads a thing
    push @lookers, $looker;
}
my @greedy;
for (1 .. 20) {
    my $greedy = client() or next;
    my $sent = syswrite($greedy, pack('N', 1_000_000) . '{"v":1,');
    for (1 .. 15) { $sent = syswrite($greedy, ' ' x 65536) // last }        # nearly all of it
    push @greedy, $greedy;
}

my $large = client();
syswrite($large, pack('N', 10 << 20));
syswrite($large, 'x' x 65536) for 1 .. 160;
is(answer($large), '', '10 MB: hung up on');

for my $garbage ("\xff" x 5000, pack('N/a*', "\0" x 100), pack('N/a*', '[' x 5000), pack('N/a*', '{"v":2}'), pack('N/a*', '{"v":1,"cmd":7}'),
    pack('N/a*', '{"v":1,"cmd":"eval"}'), pack('N/a*', '{"v":1,"cmd":"arm","for_ms":-1}'), pack('N/a*', '{"v":1,"cmd":"complete","text":[]}'), pack('N', 0)) {
    my $client = client();
    syswrite($client, $garbage);
    unlike(answer($client), qr/"ok":true/, 'garbage: an error, or hung up on');
}

my $good = client();
syswrite($good, pack('N/a*', '{"v":1,"cmd":"status"}'));
like(answer($good), qr/"ok":true/, 'a good client has its answer meanwhile');
my ($status, $out) = run_neap('task', '-c', $config, 'read', 'machine.worst');
my ($worst) = $out =~ /= ([\d.e-]+)/;
cmp_ok($worst, '<', 0.02 + 0.5 * slow(), "of a beat of 20 ms the longest was $worst s");
my $grown = memory() - $before;
cmp_ok($grown, '<', 8 * 1024, "memory grew by $grown KB") if !$ENV{NEAP_RUN} && ($ENV{NEAP_BUILD} // '') !~ /asan|tsan/;
like($neap->log, qr/KB of messages wait at the socket: hung up on the largest client/, 'who held most had to go');
is((run_neap('status', '-c', $config))[0], 0, 'others are served');
is($neap->stop, 0, 'a clean stop');
done_testing;
