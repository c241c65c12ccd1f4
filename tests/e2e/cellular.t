# scripts/cellular.lua with a modem at the other end of a pty: on a good day, talkative, slow, dead, without a SIM.
use strict;
use warnings;
use NeapData;
use NeapModem;
use NeapTest;
use Test::More;

my $broker = start_broker();
my $sub    = subscribe($broker, topic => 'GW-1/messages/json');
my $modem  = start_modem();
my $config = write_config($broker,
    more => "policies: { default: { flush: 100ms }, cellular: { flush: 100ms } }\n"
        . "params: { cellular: { port: $modem->{port}, period: 1s, timeout: 2s } }\n",
    scripts => { 'cellular.lua' => slurp(root_dir() . '/scripts/cellular.lua') });
my $neap = start_neap($config);

# All that the group reads, by a task's read of one of them.
sub reads {
    my ($path) = @_;
    my ($status, $out, $err) = run_neap('repl', '-c', $config, '-e', "read '$path'");
    return $status == 0 ? $out =~ s/\n\z//r : $err;
}

sub sent { my ($path) = @_; return join(' ', values_of($path, $sub->payloads)) }

wait_for(sub { sent('cellular.technology') }, 30, 'the first samples');
is(sent('cellular.sim'), 'ready', 'SIM');
is(sent('cellular.signal'), '-73', 'signal');
is(sent('cellular.registration'), 'home', 'registration');
is(sent('cellular.operator'), 'Example Mobile', 'operator');
is(sent('cellular.technology'), 'LTE', 'technology');

$modem->{program}->tell('chatter on');
is(reads('cellular.registration'), '"home"', 'lines that nobody asked for are passed over') for 1 .. 3;
$modem->{program}->tell('echo off', 'slow on');
is(reads('cellular.signal'), '-73', 'a slow modem without echo');
$modem->{program}->tell('slow off', 'chatter off', 'sim off');
is(reads('cellular.sim'), '"none"', 'no SIM');
wait_for(sub { sent('cellular.registration') =~ /home not searching$/ }, 30, 'it is told');
is(sent('cellular.operator'), 'Example Mobile', 'there is no operator to tell');

$modem->{program}->tell('dead on');
$neap->wait_log(qr/warn script\.cellular: cellular\..* bad: .*no answer in 2000 ms/, 60);
pass('a modem that is silent is bad');
$modem->{program}->tell('dead off', 'sim on');
wait_for(sub { sent('cellular.registration') =~ /not searching home$/ }, 60, 'it to be asked again');
pass('and is asked again');
$modem->{program}->stop;
$neap->wait_log(qr/cellular\..* bad: \S+ is gone \(unplugged\?\)/, 60);
pass('one that is unplugged is told');
is($neap->stop, 0, 'a clean stop');
done_testing;
