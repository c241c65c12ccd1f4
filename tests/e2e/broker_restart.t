#!/usr/bin/perl
# The broker or the connection dies while samples flow, and comes back: what the broker acknowledged before and then lost
# is its own loss, all the rest arrives; what was sent twice had been in flight. A relay between the two sees the PUBACKs.
use strict;
use warnings;
use NeapData;
use NeapTest;
use Test::More;

my $WINDOW = 10;

# One message a sample, so that the relay's 40 characters of it tell which: its time is its number.
my $SCRIPT = <<'END';
local cfg = params { enough = "" }
policy("numbers", { flush = "now", max_samples = 1 })
local m = asset("m")
m:variable("n", { type = "int", policy = "numbers" })
on("start", function()
	local n = 0
	while not file.exists(cfg.enough) do
		n = n + 1
		m:push("n", n, { time = n })
		sleep("2ms")
	end
	log.info("pushed", n)
end)
END

sub number_of { return $_[0]{text} =~ /"timestamp":(\d+)/ ? $1 : die "no number in $_[0]{text}" }

# What the relay saw, by number: sent (how often), acked (the connection of its PUBACK); and again: what was sent after its
# PUBACK, unless that was one of the last of a lost connection and may not have reached neap.
sub history {
    my ($relay) = @_;
    my (%waiting, %sent, %acked, %acks, @again);
    for my $packet ($relay->packets) {
        my $connection = $packet->{connection};
        my $key = join(' ', $connection, $packet->{id} // '');
        if ($packet->{type} eq 'PUBLISH' && $packet->{up}) {
            my $number = $waiting{$key} = number_of($packet);
            $sent{$number}++;
            next if !$acked{$number};
            my @last = reverse @{ $acks{ $acked{$number} } };
            splice(@last, $WINDOW) if @last > $WINDOW;
            push(@again, $number) if $acked{$number} == $connection || !grep { $_ == $number } @last;
        } elsif ($packet->{type} eq 'PUBACK' && !$packet->{up} && $waiting{$key}) {
            my $number = delete $waiting{$key};
            $acked{$number} = $connection;
            push(@{ $acks{$connection} }, $number);
        }
    }
    return (\%sent, \%acked, \@again);
}

# The numbers in the order of their arrival; without those that the broker sent twice to the subscriber.
sub arrivals {
    my ($sub) = @_;
    my (@numbers, %seen, $dup);
    for my $line (split /\n/, $sub->log) {
        $dup = $1 if $line =~ /received PUBLISH \(d(\d)/;
        next if $line !~ /^=== \d \d \S+ \[\{"m\.n":\[\{"timestamp":(\d+),"value":"\1"\}\]\}\]$/;
        push(@numbers, $1) if !$dup || !$seen{$1};
        $seen{$1} = 1;
    }
    return @numbers;
}

# A run in which $spoil, called with ($broker, $relay, $neap), does its harm once samples flow. $keeps: the broker forgets
# nothing.
sub run {
    my ($keeps, $spoil, %broker) = @_;
    my $broker = start_broker(%broker);
    my $relay  = start_relay($broker);
    my $sub    = subscribe($broker, topic => 'GW-1/messages/json', id => 'watcher', keep => 1);
    my $enough = temp_dir() . '/enough';
    my $neap   = start_neap(write_config($broker, port => $relay->port, scripts => { 'numbers.lua' => $SCRIPT },
        broker => { reconnect => '{ min: 100ms, max: 200ms }' },
        more => "window: { messages: $WINDOW }\nparams: { numbers: { enough: $enough } }\n"));
    $neap->wait_log(qr{ runs as });
    wait_for(sub { $sub->messages >= 50 }, 30, 'samples');
    $spoil->($broker, $relay, $neap);
    my $before = $sub->messages;
    wait_for(sub { $sub->messages >= $before + 50 }, 60, 'samples again');
    spew($enough, '');
    $neap->wait_log(qr/pushed \d+/, 60);
    my ($count) = $neap->log =~ /pushed (\d+)/;
    wait_for(sub { my $s = $neap->status; !grep { $_->{waiting} + $_->{in_flight} } @{ $s->{policies} } }, 60, 'all PUBACKs');
    publish($broker, 'GW-1/messages/json', 'end');    # the last in the subscriber's session
    wait_for(sub { grep { $_->{payload} eq 'end' } $sub->messages }, 60, 'the last message');
    my $connects = $neap->status->{link}{connects};
    is($neap->stop, 0, 'a clean stop');

    my @arrived = arrivals($sub);
    my ($sent, $acked, $again) = history($relay);
    my %arrived = map { $_ => 1 } @arrived;
    is(join(' ', grep { !$acked->{$_} } 1 .. $count), '', "all $count samples were acknowledged");
    is("@$again", '', 'none was sent again after its PUBACK');
    my @lost = grep { !$arrived{$_} } 1 .. $count;
    my @ours = grep { $keeps || $acked->{$_} > 1 } @lost;
    is("@ours", '', 'none is missing' . ($keeps ? '' : ', but for what the broker had acknowledged before it was killed'));
    note(@lost . ' lost by the broker, ' . @arrived . " arrived, $connects connects");
    my @twice = split / /, numbers_twice(@arrived);
    is(join(' ', grep { $sent->{$_} < 2 } @twice), '', 'what arrived twice had been in flight');
    cmp_ok(scalar(@twice), '<=', $WINDOW * ($connects - 1), 'and is not more than the window, for each connection lost');
    return $connects;
}

# Killed without a warning; neap may connect again only when the subscriber has.
sub kill_broker {
    my ($broker, $relay) = @_;
    $broker->kill9;
    $relay->command('refuse');
    $broker->again or die 'the port is taken';
    wait_for(sub { my $times = () = $broker->log =~ /^\d+: Sending SUBACK to watcher$/mg; $times > 1 }, 30, 'the subscriber');
    $relay->command('accept');
    return;
}

subtest 'a broker without a memory is killed' => sub { run(0, \&kill_broker) };

subtest 'a broker that saves each second is killed' => sub { run(0, \&kill_broker, persistence => 1) };

subtest 'a broker that saves is restarted' => sub {
    run(1, sub { $_[0]->stop; $_[0]->again or die 'the port is taken' }, persistence => 1);
};

subtest 'the connection is cut, three times' => sub {
    my $connects = run(1, sub {
        my ($broker, $relay, $neap) = @_;
        for my $round (1 .. 3) {
            $relay->command('cut');
            wait_for(sub { my $s = $neap->status; $s && $s->{link}{connects} > $round }, 30, 'the next connection');
        }
    });
    is($connects, 4, 'connected four times');
};

done_testing();
