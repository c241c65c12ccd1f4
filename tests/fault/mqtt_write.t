#!/usr/bin/perl
# A write that fails inside paho leaves freed memory in its list of what to resend (see core/link/mqtt_bridge.c): nothing of
# that may reach the broker, and no message may be missing.
use strict;
use warnings;
use NeapTest;
use Test::More;

my $preload = (tool('x') =~ s{tools/x$}{}r) . 'writev_preload.so';
plan(skip_all => "no $preload") if !-e $preload;

my %env = (LD_PRELOAD => $preload, NEAP_WRITEV_FAILS => 250);
$env{ASAN_OPTIONS} = join(':', $ENV{ASAN_OPTIONS} // (), 'verify_asan_link_order=0');    # the preload comes first

my $broker = start_broker();
my $sub    = subscribe($broker);
my $relay  = start_relay($broker);
my $probe  = start_program({ name => 'probe', run => 1, input => 1, env => \%env }, tool('mqtt_probe'),
    'url=tcp://127.0.0.1:' . $relay->port, 'max_ms=200');
$probe->wait_log(qr/^state connected/m);
$probe->tell('publish 1500 64');
wait_for(sub { keys %{ { map { $_ => 1 } $probe->log =~ /^(acked \d+)$/mg } } >= 1500 }, 40, 'all to be acknowledged');

my $spoiled = () = $probe->log =~ /mqtt: the library spoiled its own list/g;
cmp_ok($spoiled, '>=', 1, 'a handle was spoiled, and replaced');
like($probe->log, qr/^failed \d+$/m, 'its messages came back');
my %seen;
my $strange = 0;
for my $message ($sub->messages) {
    $strange++ if $message->{topic} ne 'data' || $message->{payload} !~ /^(\d+) x+$/ || length $message->{payload} != 64;
    $seen{$1}++ if $message->{payload} =~ /^(\d+) /;
}
is($strange, 0, 'nothing strange reached the broker');
is(scalar(grep { !$seen{$_} } 0 .. 1499), 0, 'none of the messages is missing');
is(scalar(grep { $_->{type} eq 'PUBLISH' && $_->{up} && $_->{topic} ne 'data' } $relay->packets), 0, 'nor was it sent');
$probe->tell('stop');
is($probe->wait_end, 0, 'a clean end');
done_testing();
