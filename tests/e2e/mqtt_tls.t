#!/usr/bin/perl
# TLS (core/link/mqtt.c, through tests/tools/mqtt_probe): only the right broker is believed, and each wrong one is refused
# with words that say what to change.
use strict;
use warnings;
use NeapTest;
use Test::More;

my $certs = certificates();
my @ca    = ("ca=$certs/ca.crt");

sub probe {
    my ($broker, @options) = @_;
    my $host = @options && $options[0] =~ s/^host=// ? shift @options : 'localhost';
    return start_program({ name => 'probe', run => 1, input => 1 }, tool('mqtt_probe'),
        "url=ssl://$host:" . $broker->port, @options);
}

sub connects {
    my ($what, $broker, @options) = @_;
    my $probe = probe($broker, @options);
    $probe->wait_log(qr/^state (?:connected|refused)/m);    # on a busy machine a first try may come to nothing
    like($probe->log, qr/^state connected/m, "$what: connects");
    # above one TLS record, one at a time
    $probe->tell('publish 30 17000');
    $probe->wait_log(qr/^acked 29$/m);
    $probe->tell('fds', 'stop');
    is($probe->wait_end, 0, "$what: a clean end");
    like($probe->log, qr/^fds 0$/m, "$what: a child would not inherit the socket");
}

sub fails {
    my ($what, $state, $words, $broker, @options) = @_;
    my $probe = probe($broker, @options);
    $probe->wait_log(qr/^state (?:connected|refused|waiting) /m);
    my ($got, $reason) = $probe->log =~ /^state (connected|refused|waiting) (.*)$/m;
    is($got, $state, "$what: $state");
    like($reason, $words, "$what: the reason");
    like($probe->log, qr/ mqtt: connection to ssl:\S+ (?:refused|failed): \Q$reason\E/, "$what: the same in the log");
    $probe->tell('stop');
    is($probe->wait_end, 0, "$what: a clean end");
}

my $broker = start_broker(tls => $certs);
connects('the right CA', $broker, @ca);
connects('the address, which is in the certificate', $broker, 'host=127.0.0.1', @ca, 'window=1');

fails('another CA', 'refused',
    qr/^the broker's certificate is not trusted: .*self-signed certificate in certificate chain \("neap test ca".*broker\.tls\.ca \(\Q$certs\E\/other\.crt\) must hold the CA/,
    $broker, "ca=$certs/other.crt");
fails("the system's CAs", 'refused', qr/^the broker's certificate is not trusted: .*broker\.tls\.ca/, $broker);
fails('the CA file is not there', 'waiting', qr{^broker\.tls\.ca: cannot read /nosuch: No such file}, $broker, 'ca=/nosuch');
fails('the CA file holds something else', 'waiting', qr{^broker\.tls\.ca: /etc/passwd cannot be used: }, $broker,
    'ca=/etc/passwd');
fails('the key is of another certificate', 'waiting', qr{^broker\.tls\.key: \Q$certs\E/ca\.key cannot be used: key values mismatch},
    $broker, @ca, "cert=$certs/client.crt", "key=$certs/ca.key");
run_command('openssl', 'ec', '-aes128', '-passout', 'pass:x', '-in', "$certs/client.key", '-out', "$certs/locked.key");
fails('the key is encrypted', 'waiting', qr{^broker\.tls\.key: \Q$certs\E/locked\.key cannot be used: }, $broker, @ca,
    "cert=$certs/client.crt", "key=$certs/locked.key");
$broker->stop;

sub with_certificate { return start_broker(tls => $certs, cert => $_[0]) }
fails('another name', 'refused',
    qr/^the broker's certificate is for broker\.example, not for "localhost": write one of its names in broker\.url/,
    with_certificate('wrong'), @ca);
fails('an expired certificate', 'refused',
    qr/^the certificate "neap test expired" expired on 20\d\d-\d\d-\d\d \d\d:\d\d UTC, and this device's clock says 20/,
    with_certificate('expired'), @ca);
fails('a certificate of the future', 'refused',
    qr/^the certificate "neap test future" is not valid before 20\d\d-\d\d-\d\d \d\d:\d\d UTC, and this device's clock says 20.*: set the clock/,
    with_certificate('future'), @ca);
fails('a self-signed certificate', 'refused', qr/^the broker's certificate is not trusted: self-signed certificate \("neap test self"/,
    with_certificate('self'), @ca);

for my $version ('', "tls_version tlsv1.2\nciphers ECDHE-ECDSA-AES128-GCM-SHA256\n") {
    my $name   = $version ? 'mutual TLS 1.2' : 'mutual TLS';
    my $mutual = start_broker(tls => $certs, mutual => 1, config => $version);
    connects($name, $mutual, @ca, "cert=$certs/client.crt", "key=$certs/client.key");
    fails("$name, no certificate of ours", 'refused',
        qr/^the broker wants a certificate of this device: set broker\.tls\.cert and broker\.tls\.key/, $mutual, @ca);
    fails("$name, a stranger's certificate", 'refused',
        qr/^the broker (?:probably )?does not accept this device's certificate \Q$certs\E\/stranger\.crt(?:: unknown CA| \(it hung up)/, $mutual, @ca,
        "cert=$certs/stranger.crt", "key=$certs/stranger.key");
    $mutual->stop;
}

my $plain = start_broker();
fails('a port without TLS', 'waiting', qr/^the TLS handshake failed.*\(is port \d+ of "localhost" one for TLS\?\)/, $plain, @ca);
$plain->stop;
fails('no port at all', 'waiting', qr/^connection refused: nothing listens on port/, $plain, @ca);

my $tls = start_broker(tls => $certs);
my $probe = start_program({ name => 'probe', run => 1, input => 1 }, tool('mqtt_probe'),
    'url=tcp://127.0.0.1:' . $tls->port);
$probe->wait_log(qr/^state waiting closed without an answer to CONNECT \(is port \d+ of "127\.0\.0\.1" one for MQTT without TLS\?\)/m);
$probe->tell('stop');
is($probe->wait_end, 0, 'tcp:// to a port with TLS is told too');

subtest 'new certificates are read at the next connect' => sub {
    my $own = start_broker(tls => $certs);
    my $file = spew(temp_dir() . '/ca.crt', slurp("$certs/other.crt"));
    my $late = probe($own, "ca=$file", 'min_ms=60000', 'max_ms=60000');
    $late->wait_log(qr/^state refused /m);
    spew($file, slurp("$certs/ca.crt"));
    $late->tell('retry');
    $late->wait_log(qr/^state connected/m);
    $late->tell('stop');
    is($late->wait_end, 0, 'after a retry it connects');
};

done_testing();
