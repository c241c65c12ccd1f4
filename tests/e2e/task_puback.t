#!/usr/bin/perl
# A task is neap's from the moment the broker has the PUBACK: kill -9 right after it loses none. Round after round, at a
# random moment within the time that a task takes.
use strict;
use warnings;
use NeapData;
use NeapTest;
use Test::More;
use Time::HiRes qw(sleep time);

my $ROUNDS = 20;
my $MOST_S = 0.02;    # the kill comes within this time; the handler takes 10 ms

my $broker = start_broker();
my $relay  = start_relay($broker);
my $sub    = subscribe($broker, topic => '+/messages/json');
my $neap   = start_neap(write_config($broker, port => $relay->port, scripts => { 'task.lua' => <<'END' }));
local m = asset("m")
m:setting("n", { type = "int", default = 0, write = function(new)
	log.info("begins", new)
	sleep("10ms")
	log.info("ends", new)
end })
END

# One that is connected all the time: a new one for each task would be slower than the task.
my $server = start_program({ name => 'server', input => 1 }, 'mosquitto_pub', $broker->client_options,
    '-q', 1, '-t', 'GW-1/tasks/json', '-l');

# Busy, because the moment counts: as soon as neap's PUBACK passes the relay.
sub wait_puback {
    my ($from) = @_;
    open(my $log, '<', $relay->log_name) or die "relay's log: $!";
    seek($log, $from, 0);
    my $text = '';
    my $end  = time + 60;
    while ($text !~ /^\d+ > PUBACK \d+$/m) {
        die 'no PUBACK' if time > $end;
        my $more = readline $log;
        $text .= $more if defined $more;
        seek($log, 0, 1);
    }
    return;
}

for my $round (1 .. $ROUNDS) {
    $neap->wait_state('connected');
    my $from = length $relay->log;
    $server->tell(qq([{"uid":"u$round","timestamp":1,"write":[{"m.n":$round}]}]));
    wait_puback($from);
    sleep(rand($MOST_S));
    $neap->kill9;
    $neap->again;
}
wait_for(sub { numbers_missing($ROUNDS, values_of('m.n', $sub->payloads)) eq '' }, 30, 'the answers of all tasks');
pass("$ROUNDS tasks, none is lost");
$neap->wait_state('connected');
is($neap->stop, 0, 'a clean stop');

my (%begun, %ended);
my $interrupted = 0;
for my $line ($neap->lines) {
    $begun{$1}++ if $line =~ /begins (\d+)$/;
    $ended{$1}++ if $line =~ /ends (\d+)$/;
}
is(join(' ', grep { !$ended{$_} } 1 .. $ROUNDS), '', 'each handler came to its end');
is(join(' ', grep { $ended{$_} > 2 } keys %ended), '', 'a task is done again only after a kill that came before its end was noted');
$interrupted += $begun{$_} > 1 for keys %begun;
note(sprintf('%d of %d handlers were interrupted', $interrupted, $ROUNDS));
unlike($neap->log, qr/damaged|torn/, 'no file was found damaged');

done_testing();
