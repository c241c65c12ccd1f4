#!/usr/bin/perl
# What ships and what teaches runs as it is: each script passes `neap check`, and runs for two seconds with nothing to
# complain of.
use strict;
use warnings;
use NeapData;
use NeapModem;
use NeapTest;
use Test::More;

my $root    = root_dir();
my @scripts = grep { !/_test\.lua$/ } glob("$root/examples/*.lua $root/scripts/*.lua");
my $broker  = start_broker();
my $sub     = subscribe($broker, topic => '+/messages/json');
my %neap;
my $number = 0;
cmp_ok(scalar(@scripts), '>=', 2, 'there are scripts');

# What some of them need around them.
my $gpio = temp_dir();
for my $line (17, 27) {
    mkdir "$gpio/gpio$line";
    spew("$gpio/gpio$line/$_", "0\n") for qw(value direction);
}
my $house = temp_dir();
spew("$house/$_", "21500\n") for qw(temp1_input humidity1_input vent valve);
my $modem  = start_modem();
my %params = (
    'cellular.lua'   => "{ port: $modem->{port} }",
    'greenhouse.lua' => "{ sensor: $house, vent: $house/vent, valve: $house/valve }",
    'gpio-sysfs.lua' => "{ folder: $gpio }",
    'network.lua'    => '{ interfaces: [ lo ] }',
    'watchdog.lua'   => '{ port: ' . $broker->port . ', every: 500ms }',
);
my $meter = start_program({ name => 'meter', input => 1 }, tool('modbus_server'), 'tcp', 0, 1);
if (wait_for(sub { $meter->log =~ /^(port|.*built without)/m && $1 }, 20, 'the meter') eq 'port') {
    $params{'modbus-meter.lua'} = "{ host: '127.0.0.1:" . ($meter->log =~ /^port (\d+)/)[0] . "' }";
}
else { @scripts = grep { !/modbus/ } @scripts }

for my $script (@scripts) {
    my ($file) = $script =~ m{([^/]+)$};
    my $name   = $file =~ s/\.lua$//r;
    my $serial = 'GW-' . ++$number;
    my $config = write_config($broker, serial => $serial, scripts => { $file => slurp($script) },
        more => $params{$file} ? "params: { $name: $params{$file} }\n" : '');
    my ($status, $out, $err) = run_neap('check', '-c', $config);
    is("$status$err", '0', "$file: neap check finds no fault");
    like($out, qr/ declare [1-9]\d* paths$/, "$file: it declares something");
    $neap{$script} = start_neap($config);
}
for my $script (@scripts) {
    my ($file) = $script =~ m{([^/]+)$};
    my $neap = $neap{$script};
    wait_for(sub { my $s = $neap->status; $s && $s->{link}{state} eq 'connected' && $s->{uptime_s} >= 2 }, 30, "two seconds of $file");
    my ($of) = @{ $neap->status->{scripts} };
    is($of->{state} . join(' ', @{ $of->{bad} }), 'running', "$file: it runs, no sensor is bad");
    is($neap->stop, 0, "$file: a clean stop");
    is(join("\n", grep { / error | warn / && !/the temperature is simulated/ } $neap->lines), '', "$file: no error, no warning");
}
my %topics = map { $_->{topic} => 1 } $sub->messages;
is(join(' ', sort keys %topics), join(' ', map { "GW-$_/messages/json" } sort 1 .. $number), 'all have sent something');
cmp_ok(scalar(samples($sub->payloads)), '>', 5, 'samples, in bodies as they must be');

my ($status, $out, $err) = run_neap('check', '-c', spew(temp_dir() . '/neap.yaml', slurp("$root/examples/neap.yaml")));
unlike($err, qr/neap\.yaml:/, 'nothing is wrong with examples/neap.yaml');

done_testing();
