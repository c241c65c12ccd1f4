#!/usr/bin/perl
# neap over TLS: samples and tasks pass where the broker is the right one; else status and the log say why not, and no
# sample leaves. (How each failure is told apart is mqtt_tls.t's.)
use strict;
use warnings;
use NeapData;
use NeapTest;
use Test::More;

my $certs  = certificates();
my $SCRIPT = <<'END';
policy("now", { flush = "now" })
local m = asset("m")
local n = 0
m:variable("n", { type = "int", policy = "now", every = "20ms", read = function() n = n + 1 return n end })
m:variable("r", { type = "int", read = function() return 7 end })
END

sub config {
    my ($broker, $tls, %option) = @_;
    return write_config($broker, scripts => { 'm.lua' => $SCRIPT }, broker => { tls => "{ $tls }" }, %option);
}

sub works {
    my ($what, $broker, $tls) = @_;
    return subtest $what => sub {
        my $sub  = subscribe($broker, topic => '+/messages/json');
        my $neap = start_neap(config($broker, $tls));
        my $pid  = $neap->wait_state('connected')->{pid};
        wait_for(sub { values_of('m.n', $sub->payloads) >= 5 }, 20, 'samples');
        publish($broker, 'GW-1/tasks/json', '[{"uid":"u1","timestamp":1,"read":["m.r"]}]');
        wait_for(sub { values_of('m.r', $sub->payloads) }, 20, 'the answer to a task');
        is($neap->stop, 0, 'a clean stop');
        my @values = values_of('m.n', $sub->payloads);
        is(numbers_missing($values[-1], @values), '', scalar(@values) . ' samples, none is missing');
        is(numbers_twice(@values), '', 'none twice');
    };
}

sub refuses {
    my ($what, $words, $broker, $tls, %option) = @_;
    my $seen = length $broker->log;
    return subtest $what => sub {
        my $neap   = start_neap(config($broker, $tls, %option));
        my $status = $neap->wait_state('refused');
        like($status->{link}{reason}, $words, 'status says why');
        like($neap->log, qr/^\S+ error mqtt: connection to \S+ refused: \Q$status->{link}{reason}\E$/m, 'the log too');
        cmp_ok($status->{link}{next_try_s}, '>', 0, 'it will try again');
        is($neap->stop, 0, 'a clean stop');
        unlike(substr($broker->log, $seen), qr/Received PUBLISH from GW-1/, 'and nothing was sent');
    };
}

my $broker = start_broker(tls => $certs, users => { 'GW-1' => 'secret' });
works('the right CA', $broker, "ca: $certs/ca.crt");
refuses('another CA', qr/^the broker's certificate is not trusted: .*broker\.tls\.ca/, $broker, "ca: $certs/other.crt");
refuses('a wrong password', qr/^wrong user name or password for "GW-1" \(CONNACK 5\): check broker\.username and /, $broker,
    "ca: $certs/ca.crt", password => 'wrong');
$broker->stop;

$broker = start_broker(tls => $certs, cert => 'wrong');
refuses('another host name', qr/^the broker's certificate is for broker\.example, not for "localhost"/, $broker,
    "ca: $certs/ca.crt");
$broker->stop;

$broker = start_broker(tls => $certs, cert => 'expired');
refuses('an expired certificate', qr/^the certificate "neap test expired" expired on 20/, $broker, "ca: $certs/ca.crt");
$broker->stop;

$broker = start_broker(tls => $certs, mutual => 1);
works('mutual TLS', $broker, "ca: $certs/ca.crt, cert: $certs/client.crt, key: $certs/client.key");
refuses('mutual TLS without our certificate', qr/^the broker wants a certificate of this device: set broker\.tls\.cert/,
    $broker, "ca: $certs/ca.crt");

done_testing();
