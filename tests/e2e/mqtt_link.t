#!/usr/bin/perl
# The link to the broker (core/link/mqtt.c, through tests/tools/mqtt_probe): it comes up, comes back, loses nothing, says why
# it does not come up, and goes away cleanly.
use strict;
use warnings;
use Digest::SHA qw(hmac_sha512_base64);
use MIME::Base64 qw(encode_base64);
use NeapTest;
use Test::More;
use Time::HiRes qw(time);

my $probes = 0;

# A probe with a client id of its own; %option is KEY => VALUE of mqtt_probe, url may be a list.
sub probe {
    my (%option) = @_;
    my $urls = delete $option{url};
    $option{client_id} //= 'probe' . ++$probes;
    return start_program({ name => 'probe', run => 1, input => 1 }, tool('mqtt_probe'),
        (map { "url=$_" } ref $urls ? @$urls : $urls), map { "$_=$option{$_}" } sort keys %option);
}

sub url { return 'tcp://127.0.0.1:' . $_[0]->port }

# The reason in the first line that has this state.
sub reason {
    my ($probe, $state) = @_;
    $probe->wait_log(qr/^state $state /m);
    return $probe->log =~ /^state $state (.*)$/m ? $1 : '';
}

# It must end by itself, with all handles closed (and nothing found by valgrind).
sub ends_well {
    my ($probe, $what) = @_;
    $probe->tell('stop 2000') if $probe->running;
    is($probe->wait_end, 0, "$what: a clean end");
    like($probe->log, qr/^stopped$/m, "$what: says stopped");
    unlike($probe->log, qr/left open/, "$what: no handle left");
}

# Which of the numbers 0 to $count - 1 are not among the payloads; and how many came twice.
sub missing {
    my ($count, @payloads) = @_;
    my %seen;
    $seen{ $_ =~ /^(\d+)/ ? $1 : 'none' }++ for @payloads;
    return (join(' ', grep { !$seen{$_} } 0 .. $count - 1), scalar grep { $_ > 1 } values %seen);
}

subtest 'up, both ways, and down' => sub {
    my $broker = start_broker(users => { probe => 'secret' });
    my $sub    = subscribe($broker, topic => 'data');
    my $file   = spew(temp_dir() . '/password', "secret\n");
    my $probe  = probe(url => url($broker), password_file => $file, client_id => 'probe1');
    $probe->wait_log(qr/^state connecting/m);
    $probe->wait_log(qr/^state connected/m);
    like($broker->log, qr/as probe1 \(p2, c0, k60, u'probe'\)/, 'MQTT 3.1.1, a session that stays, keepalive, username');
    like($broker->log, qr/probe1 1 tasks/, 'subscribed at QoS 1');
    $probe->tell('publish 200 100');
    wait_for(sub { $sub->messages >= 200 }, 20, '200 messages');
    $probe->wait_log(qr/^acked 199$/m);
    my @messages = $sub->messages;
    my ($missing, $twice) = missing(200, $sub->payloads);
    is($missing, '', 'none is missing');
    is($twice, 0, 'none came twice');
    is(scalar(@messages), 200, 'and nothing else');
    is($messages[7]{qos}, 1, 'at QoS 1');
    is(length $messages[7]{payload}, 100, 'whole');
    publish($broker, 'tasks', "task $_") for 1 .. 3;
    $probe->wait_log(qr/^message tasks 6 task 3 id 3$/m);
    like($probe->log, qr/task 1 id 1\n(.*\n)*?.*task 2 id 2\n(.*\n)*?.*task 3 id 3\n/, 'in order, each with its id from arrived');
    $probe->tell('fds');
    $probe->wait_log(qr/^fds 0$/m);
    pass('a child would not inherit the socket');
    ends_well($probe, 'up');
    my $log = $broker->log;
    like($log, qr/Received DISCONNECT from probe1/, 'DISCONNECT is sent');
};

# A broker that knows the client probe with the password secret, and refuses its subscriptions. mosquitto's access list
# never does, its plugin for dynamic security does; where that is not installed, undef.
sub unreadable_broker {
    my ($plugin) = glob('/usr/lib/*/mosquitto_dynamic_security.so /usr/lib/mosquitto_dynamic_security.so');
    return if !$plugin;
    my $hash = hmac_sha512_base64("saltsaltsalt\0\0\0\1", 'secret');    # PBKDF2 with one iteration
    $hash .= '=' while length($hash) % 4;
    my $salt = encode_base64("saltsaltsalt", "");
    my $file = spew(temp_dir() . '/security.json', <<"END");
{ "defaultACLAccess": { "publishClientSend": true, "publishClientReceive": true, "subscribe": false, "unsubscribe": true },
  "clients": [ { "username": "probe", "password": "$hash", "salt": "$salt", "iterations": 1 } ] }
END
    return start_broker(config => "plugin $plugin\nplugin_opt_config_file $file\n");
}

subtest 'no right to subscribe' => sub {
    my $broker = unreadable_broker() or plan(skip_all => 'mosquitto_dynamic_security.so is not installed');
    my $probe = probe(url => url($broker), password => 'secret', client_id => 'probe');
    like(reason($probe, 'refused'), qr/^the broker refuses the subscription to "tasks": give user "probe" the right/,
        'is said aloud');
    unlike($probe->log, qr/^state connected/m, 'and never counts as connected');
    ends_well($probe, 'no subscription');
};

subtest 'what a field engineer may get wrong' => sub {
    my $broker = start_broker(users => { probe => 'secret' });
    my $port   = free_port();
    my $bad    = spew(temp_dir() . '/password', "wrong\n");
    my $empty  = spew(temp_dir() . '/empty',    "\n");
    my @cases  = (
        ['wrong password', 'refused', qr/^wrong user name or password for "probe" \(CONNACK 5\).*\Q$bad\E/,
            url => url($broker), password_file => $bad],
        ['no password', 'refused', qr/^wrong user name or password for "probe"/, url => url($broker)],
        ['password file is not there', 'waiting', qr{^broker.password_file: .*/nosuch.*No such file},
            url => url($broker), password_file => '/nosuch'],
        ['password file is empty', 'waiting', qr/^broker.password_file: .* is empty/,
            url => url($broker), password_file => $empty],
        ['unknown host', 'waiting', qr/^unknown host "nosuch\.invalid": check broker\.url/,
            url => 'tcp://nosuch.invalid:1883'],
        ['nothing listens', 'waiting', qr/^connection refused: nothing listens on port $port of "127.0.0.1"/,
            url => "tcp://127.0.0.1:$port"],
    );
    for my $case (@cases) {
        my ($name, $state, $words, %option) = @$case;
        my $probe = probe(%option, client_id => 'probe');
        like(reason($probe, $state), $words, $name);
        $probe->tell('stop');
        is($probe->wait_end, 0, "$name: a clean end");
    }
};

subtest 'a refusal is tried again seldom, and at once when told' => sub {
    my $broker = start_broker(users => { probe => 'secret' });
    my $file   = spew(temp_dir() . '/password', "wrong\n");
    my $probe  = probe(url => url($broker), password_file => $file, min_ms => 60000, max_ms => 60000);
    reason($probe, 'refused');
    like($probe->log, qr/error mqtt: connection to \S+ refused: wrong user name or password/, 'an error in the log');
    $probe->log =~ /next try in (\d+) ms/;
    cmp_ok($1 // 0, '>=', 600_000, 'the next try is far away');
    spew($file, "secret\n");
    $probe->tell('retry');
    $probe->wait_log(qr/^state connected/m);
    pass('connected after the password was mended and a retry');
    ends_well($probe, 'after a refusal');
};

subtest 'a list fails over' => sub {
    my $broker = start_broker();
    my $probe  = probe(url => ['tcp://127.0.0.1:' . free_port(), 'tcp://nosuch.invalid:1883', url($broker)]);
    $probe->wait_log(qr/^state connected/m);
    like($probe->log, qr/nothing listens.*unknown host.*^state connected/ms, 'each in turn');
    ends_well($probe, 'failover');
};

subtest 'broker killed and started again: none missing' => sub {
    my $broker = start_broker();
    my $relay  = start_relay($broker);
    my $probe  = probe(url => url($relay));
    my $count  = 2000;
    $probe->wait_log(qr/^state connected/m);
    $probe->tell("publish $count 50");
    for my $acked (300, 900) {
        $probe->wait_log(qr/^acked $acked$/m);
        $broker->kill9;
        $probe->wait_log(qr/^state waiting/m);
        $broker->again or die 'the port is taken';
    }
    wait_for(sub { (() = $probe->log =~ /^acked /mg) >= $count }, 60, 'all to be acknowledged');
    my @acks = $probe->log =~ /^acked (\d+)$/mg;
    is((missing($count, @acks))[0], '', 'each is acknowledged');
    is((missing($count, @acks))[1], 0, 'once');
    my ($missing) = missing($count, map { $_->{text} } $relay->acknowledged);
    is($missing, '', 'and each has a PUBACK of the broker');
    my $connects = () = $probe->log =~ /^state connected/mg;
    is($connects, 3, 'three connections');
    ends_well($probe, 'restart');
};

subtest 'connections cut again and again: none missing' => sub {
    my $broker = start_broker();
    my $sub    = subscribe($broker, topic => 'data');
    my $relay  = start_relay($broker);
    my $probe  = probe(url => url($relay), max_ms => 300);
    my $count  = 3000;
    $probe->wait_log(qr/^state connected/m);
    $probe->tell("publish $count 50");
    my $from = 0;
    for my $n (1 .. 6) {
        my $target = $n * 300;
        $probe->wait_log(qr/^acked $target$/m);
        $relay->command('cut');
        $from = $probe->wait_log(qr/^state connected/m, 20, $from);
    }
    wait_for(sub { (() = $probe->log =~ /^acked /mg) >= $count }, 60, 'all to be acknowledged');
    wait_for(sub { $sub->payloads >= $count }, 20, 'all to arrive');
    my ($missing, $twice) = missing($count, $sub->payloads);
    is($missing, '', 'none is missing at the subscriber');
    cmp_ok($twice, '<=', 6 * 20, "and no more than the windows came twice ($twice)");
    my $spoiled = () = $probe->log =~ /the library spoiled/g;
    my $failed  = () = $probe->log =~ /^failed/mg;
    ok($spoiled ? $failed : !$failed, "given up only where a write failed in the library ($spoiled times, $failed messages)");
    ends_well($probe, 'cuts');
};

subtest 'a task sent while away arrives' => sub {
    my $broker = start_broker();
    my $relay  = start_relay($broker);
    my $probe  = probe(url => url($relay), client_id => 'away');
    $probe->wait_log(qr/^state connected/m);
    $relay->command('refuse');
    $probe->wait_log(qr/^state waiting/m);
    publish($broker, 'tasks', 'while cut off');
    $relay->command('accept');
    $probe->wait_log(qr/^message tasks \d+ while cut off/m);
    pass('after a cut');
    $probe->kill9;
    publish($broker, 'tasks', 'while dead');
    $probe->again;
    $probe->wait_log(qr/^message tasks \d+ while dead/m);
    pass('after a kill');
    like($probe->log, qr/\(the session goes on\)/, 'the log tells of the session');
    ends_well($probe, 'away');
};

subtest 'a link that is dead but open is found by its PUBACKs' => sub {
    my $broker = start_broker();
    my $relay  = start_relay($broker);
    my $probe  = probe(url => url($relay), puback_timeout_ms => 1500, keepalive_ms => 600_000, window => 60);
    $probe->wait_log(qr/^state connected/m);
    $probe->tell('publish 10 100');
    $probe->wait_log(qr/^acked 9$/m);
    $relay->command('blackhole');
    # more than all buffers on the way take: paho then cannot even send a DISCONNECT
    $probe->tell('publish 60 100000');
    my $start = time;
    my $from = $probe->wait_log(qr/^state waiting no PUBACK came in time/m, 20);
    cmp_ok(time - $start, '>', 1, 'not before its time');
    $probe->wait_log(qr/^state connected/m, 20, $from);
    $probe->wait_log(qr/^acked 69$/m, 30, $from);
    my @acks = $probe->log =~ /^acked (\d+)$/mg;
    is((missing(70, @acks))[0], '', 'all was acknowledged on the next connection');
    ends_well($probe, 'dead link');
};

subtest 'a slow link is not taken for a dead one' => sub {
    my $broker = start_broker();
    my $relay  = start_relay($broker);
    my $probe  = probe(url => url($relay), puback_timeout_ms => 1500, window => 60);
    $probe->wait_log(qr/^state connected/m);
    $relay->command('slow');
    $probe->tell('publish 60 5000');    # 300 kB at 100 kB/s
    $probe->wait_log(qr/^acked 10$/m);
    $relay->command('cut');             # then what is left goes first, and SUBSCRIBE after it
    my $from = $probe->wait_log(qr/^state waiting the broker or the network/m);
    $probe->wait_log(qr/^state connected/m, 20, $from);
    $probe->wait_log(qr/^acked 59$/m, 20, $from);
    my $losses = () = $probe->log =~ /^state waiting/mg;
    is($losses, 1, 'no loss but the one that was made');
    ends_well($probe, 'slow link');
};

subtest 'two devices with one client id are told of it, and back off' => sub {
    my $broker = start_broker();
    my @probes = map { probe(url => url($broker), client_id => 'twin', max_ms => 1000) } 1 .. 2;
    my $words  = qr/times in a row: does another device use the client id "twin"\? .*set broker\.client_id/;
    wait_for(sub { grep { $_->log =~ $words } @probes }, 60, 'the words');
    pass('it is said');
    ends_well($_, 'twin') for @probes;
};

subtest 'a session is dropped on request' => sub {
    my $broker = start_broker();
    my $relay  = start_relay($broker);
    my $probe  = probe(url => url($relay), client_id => 'poisoned', puback_timeout_ms => 600_000);
    $probe->wait_log(qr/^state connected/m);
    $relay->command('blackhole');
    $probe->tell('publish 5 10');
    publish($broker, 'tasks', 'of the old session');
    my $from = length $probe->log;
    $probe->tell('drop');
    wait_for(sub { (() = $probe->log =~ /^failed \d+$/mg) == 5 }, 20, 'the five to come back');
    $probe->wait_log(qr/^state connected/m, 20, $from);
    $probe->wait_log(qr/^acked 4$/m, 20, $from);
    like($broker->log, qr/as poisoned \(p2, c1,.*as poisoned \(p2, c0,/s, 'once with a clean session, then with one that stays');
    unlike(substr($probe->log, $from), qr/^message/m, 'what the broker kept for the old session is gone');
    like($probe->log, qr/\(a new session\)/, 'and it says so');
    ends_well($probe, 'drop');
};

subtest 'a stop waits for what is in flight, but not for ever' => sub {
    my $broker = start_broker();
    my $relay  = start_relay($broker);
    my $probe  = probe(url => url($relay), window => 1000);
    $probe->wait_log(qr/^state connected/m);
    $probe->tell('publish 500 1000', 'stop 20000');
    is($probe->wait_end, 0, 'a clean end');
    my @acks = $probe->log =~ /^acked (\d+)$/mg;
    is((missing(500, @acks))[0], '', 'all that was in flight was acknowledged before the end');

    $probe = probe(url => url($relay), window => 100);
    $probe->wait_log(qr/^state connected/m);
    $relay->command('blackhole');
    $probe->tell('publish 50 100000', 'stop 500');
    is($probe->wait_end, 0, 'with a dead link too');
    my @failed = $probe->log =~ /^failed (\d+)$/mg;
    is((missing(50, @failed))[0], '', 'what was in flight came back');
    like($probe->log, qr/^failed 0\n(.*\n)*state stopped .*\n(.*\n)*stopped\n/m, 'before it said stopped');
};

subtest 'a stop at any moment' => sub {
    my $broker = start_broker();
    my $relay  = start_relay($broker);
    for my $wait (undef, qr/^state connecting/m, qr/^state connected/m) {
        my $probe = probe(url => url($relay));
        $probe->wait_log($wait) if $wait;
        ends_well($probe, $wait ? "$wait" : 'at once');
    }
    $relay->command('refuse');
    my $probe = probe(url => url($relay));
    $probe->wait_log(qr/^state waiting/m);
    ends_well($probe, 'while waiting');
    $probe = probe(url => 'tcp://nosuch.invalid:1');
    ends_well($probe, 'while looking up');
};

done_testing();
