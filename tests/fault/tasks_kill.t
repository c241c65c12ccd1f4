# neap is killed at random points while 500 tasks come in: none is lost, no command that is not repeatable runs twice,
# and each is acknowledged, always with the same outcome.
use strict;
use warnings;
use Test::More;
use Time::HiRes qw(sleep time);
use NeapTest;

my $TASKS = 500;
my $KILLS = 15;
my $seed  = $ENV{SEED} // time;
srand($seed);
diag("SEED=$seed");

my $done = temp_dir() . '/done';    # what the handlers did, a line each
my $lua  = <<"LUA";
for _, id in ipairs({ "a", "b", "c" }) do
	local asset = asset(id)
	local function run(kind)
		return function(p)
			file.append("$done", kind .. " " .. p.n .. "\\n")
			sleep("5ms")
			if p.n % 10 == 0 then error("no", 0) end
		end
	end
	asset:command("once", { params = { n = { type = "int" } }, run = run("once") })
	asset:command("again", { params = { n = { type = "int" } }, repeatable = true, run = run("again") })
	asset:setting("level", { type = "int", default = 0, max = 900, write = function() sleep("3ms") end })
	asset:variable("heat", { read = function() sleep("2ms"); return 20 end })
end
LUA
my $broker = start_broker();
my $sub    = subscribe($broker, topic => 'GW-1/acks/json');
my $neap   = start_neap(write_config($broker, scripts => { 'machine.lua' => $lua }, more => "dialect: current\n"));
$neap->wait_state('connected');

my %kind;    # uid => what it asks for
my @lines;
for my $n (1 .. $TASKS) {
    my $asset = (qw(a b c))[ rand 3 ];
    my $kind  = (qw(once once again write read broken))[ rand 6 ];
    my $uid   = "$kind-$n";
    my %task  = (
        once   => qq("command":{"id":"$asset.once","params":{"n":$n}}),
        again  => qq("command":{"id":"$asset.again","params":{"n":$n}}),
        write  => qq("write":[{"$asset.level":$n},{"a.nothing":1}]),
        read   => qq("read":["$asset.heat"]),
        broken => qq("read":$n),
    );
    $kind{$uid} = $kind;
    push(@lines, qq([{"uid":"$uid",$task{$kind}}]));
}
my $pub = start_program({ name => 'publisher', input => 1 },
    'mosquitto_pub', '-h', '127.0.0.1', '-p', $broker->port, '-q', 1, '-t', 'GW-1/tasks/json', '-l');

my %acks;    # uid => { outcome => count }
sub look {
    %acks = ();
    for my $ack (map { @{ decode($_) } } $sub->payloads) {
        $acks{ $ack->{uid} }{ $ack->{status} . ' ' . ($ack->{message} // '') }++;
    }
    return scalar keys %acks;
}

my $part = int(@lines / $KILLS) + 1;
for my $kill (1 .. $KILLS) {
    $pub->tell(splice(@lines, 0, $part));
    sleep(rand 0.5);    # the point at random that this is about
    $neap->kill9;
    $neap->again;
}
wait_for(sub { look() >= $TASKS }, 120, 'an acknowledgement of every task');
my $status = $neap->wait_state('connected');
wait_for(sub { $neap->status->{policies} && !grep { $_->{waiting} + $_->{in_flight} } grep { $_->{name} eq 'acks' }
        @{ $neap->status->{policies} } }, 30, 'the last acknowledgements');
look();
is($neap->stop, 0, 'a clean stop');

my %runs;
$runs{$_}++ for split(/\n/, slurp($done) =~ tr/ /-/r);
my $interrupted = () = map { /interrupted/ ? 1 : () } map { keys %$_ } values %acks;
diag("interrupted: $interrupted");
my @lost      = grep { !$acks{$_} } sort keys %kind;
my @torn      = grep { keys %{ $acks{$_} } > 1 } sort keys %acks;
my @twice     = grep { $kind{$_} eq 'once' && ($runs{$_} // 0) > 1 } sort keys %kind;
my @never     = grep { $kind{$_} =~ /^(once|again)$/ && !$runs{$_} && !grep { /interrupted/ } keys %{ $acks{$_} } } sort keys %kind;
my @strangers = grep { !$kind{$_} } sort keys %acks;
my %right     = (
    once   => sub { $_[1] =~ /interrupted: / || $_[1] =~ ($_[0] % 10 ? qr/^OK $/ : qr/^ERROR .*: no$/) },
    again  => sub { $_[1] =~ ($_[0] % 10 ? qr/^OK $/ : qr/^ERROR .*: no$/) },
    write  => sub { $_[1] =~ /^ERROR a\.nothing: no script declares this path[^;]*$/ },
    read   => sub { $_[1] eq 'OK ' },
    broken => sub { $_[1] =~ /^ERROR byte \d+: / },
);
my @wrong = grep { my ($kind, $n) = split /-/; !$right{$kind}->($n, (keys %{ $acks{$_} })[0]) } grep { $acks{$_} } sort keys %kind;
is("@lost",      '', 'no task is lost');
is("@torn",      '', 'none has two outcomes');
is("@twice",     '', 'no command ran twice');
is("@never",     '', 'no command is acknowledged that never ran');
is("@strangers", '', 'nothing else is acknowledged');
is("@wrong",     '', 'the outcomes are the right ones')
    or diag(map { "$_: " . join(' | ', keys %{ $acks{$_} }) . "\n" } @wrong);
done_testing();
