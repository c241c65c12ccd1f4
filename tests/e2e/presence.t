# topics.presence: a retained message tells whether the device is there, also when it dies.
use strict;
use warnings;
use Test::More;
use NeapTest;

my $broker = start_broker();
my $sub    = subscribe($broker, topic => 'site/#');
my $config = write_config($broker, broker => { keepalive => '5s' }, scripts => { 'machine.lua' => 'asset("machine")' },
    more => qq(topics: { presence: "site/{username}/state" }\npresence: { online: '{"on":true}', offline: '{"on":false}' }\n));
my $ON  = '{"on":true}';
my $OFF = '{"on":false}';

sub said { return join(' ', map { "$_->{topic} $_->{payload}" } $sub->messages) }
sub told {
    my (@states) = @_;
    my $expected = join(' ', map { "site/GW-1/state $_" } @states);
    wait_for(sub { length said() >= length $expected }, 30, $expected);
    return is(said(), $expected, "@states");
}

# What a subscriber that comes now gets: the retained message.
sub retained {
    my $late = subscribe($broker, topic => 'site/GW-1/state');
    wait_for(sub { $late->messages }, 20, 'the retained message');
    my ($message) = $late->messages;
    $late->stop;
    return "$message->{retained} $message->{payload}";
}

my $neap = start_neap($config);
told($ON);
is(retained(), "1 $ON", 'it is retained');
$neap->kill9;
told($ON, $OFF);
is(retained(), "1 $OFF", 'the last will too');
$neap->again;
told($ON, $OFF, $ON);
is($neap->stop, 0, 'a clean stop');
told($ON, $OFF, $ON, $OFF);
is(retained(), "1 $OFF", 'a clean end is told as well');
my ($status, undef, $err) = run_neap('check', '-c', write_config($broker, dir => temp_dir(),
    scripts => { 'm.lua' => 'asset("m")' }, more => qq(topics: { presence: "site/#" }\n)));
is($status, 2, 'a wildcard is an error');
like($err, qr/topics\.presence: /, '... with its key');
done_testing();
