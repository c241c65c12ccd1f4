#!/usr/bin/perl
# A device without a clock: samples wait until the time of day can be believed, then leave with their true time; or, after
# clock.deadline, without one. A clock that jumps restamps nothing.
use strict;
use warnings;
use NeapData;
use NeapTest;
use Test::More;

my $SCRIPT = <<'END';
policy("numbers", { flush = "100ms" })
local m = asset("m")
m:variable("n", { type = "int", policy = "numbers" })
local n = 0
every("100ms", function() n = n + 1; m:push("n", n) end)
on("clock", function(reason) log.info("clock", reason) end)
END

my $YEARS = 5 * 365 * 86400;

# neap in a world whose clock is $behind seconds behind; returns it and what sets that.
sub start_behind {
    my ($broker, $behind, $more) = @_;
    my $file = temp_dir() . '/behind';
    my $set  = sub { spew("$file.new", $_[0]); rename("$file.new", $file) or die "rename: $!" };
    $set->($behind);
    my $preload = ($ENV{NEAP_BUILD} // root_dir() . '/build/rel') . '/tests/clock_preload.so';
    local $ENV{LD_PRELOAD} = $preload;
    local $ENV{NEAP_CLOCK} = $file;
    local $ENV{ASAN_OPTIONS} = join(':', $ENV{ASAN_OPTIONS} // (), 'verify_asan_link_order=0');
    return (start_neap(write_config($broker, scripts => { 'numbers.lua' => $SCRIPT }, more => $more)), $set);
}

sub numbers { return grep { $_->{path} eq 'm.n' } samples(grep { /timestamp/ } $_[0]->payloads) }

sub near_now {
    my ($what, @samples) = @_;
    my @far = grep { abs($_->{timestamp} - time) > 300 } @samples;
    is(scalar @far, 0, $what) or diag("$far[0]{timestamp} is not about " . time);
    return;
}

subtest 'set by NTP: the date becomes right' => sub {
    my $broker = start_broker();
    my $sub    = subscribe($broker, topic => '+/messages/json');
    my ($neap, $set) = start_behind($broker, $YEARS);
    $neap->wait_state('connected');
    wait_for(sub { my ($p) = grep { $_->{name} eq 'numbers' } @{ $neap->status->{policies} }; $p->{waiting} >= 10 }, 20, 'samples that wait');
    ok(!$neap->status->{clock}{set}, 'the clock is not set');
    is(scalar numbers($sub), 0, 'and none has left');
    $set->(0);
    $neap->wait_log(qr/numbers: clock set/);
    wait_for(sub { numbers($sub) >= 15 }, 20, 'samples');
    my @got = numbers($sub);
    near_now('those that waited have their true time', @got);
    is(numbers_missing(15, map { $_->{value} } @got), '', 'none is missing');
    my @times = map { $_->{timestamp} } sort { $a->{value} <=> $b->{value} } @got;
    is("@times", join(' ', sort { $a <=> $b } @times), 'in their order, by their times: fresh ones may overtake a backlog');
    $set->(3600);
    $neap->wait_log(qr/the time of day jumped by -3600/);
    $neap->wait_log(qr/numbers: clock step/);
    wait_for(sub { grep { $_->{timestamp} < time - 1800 } numbers($sub) }, 20, 'samples by the new time');
    my @after = numbers($sub);
    is_deeply([ map { $_->{timestamp} } @after[0 .. 14] ], [ map { $_->{timestamp} } @got[0 .. 14] ], 'a jump restamps nothing');
    is($neap->stop, 0, 'a clean stop');
};

subtest 'trust: sync, and somebody says that it is set' => sub {
    my $broker = start_broker();
    my $sub    = subscribe($broker, topic => '+/messages/json');
    my ($neap) = start_behind($broker, 0, "clock: { trust: sync }\n");
    $neap->wait_state('connected');
    wait_for(sub { my ($p) = grep { $_->{name} eq 'numbers' } @{ $neap->status->{policies} }; $p->{waiting} >= 5 }, 20, 'samples that wait');
    is(scalar numbers($sub), 0, 'the right date is not enough');
    my ($status) = run_neap('clock', 'set', '-c', $neap->{config});
    is($status, 0, 'neap clock set');
    wait_for(sub { numbers($sub) >= 10 }, 20, 'samples');
    near_now('they have their true time', numbers($sub));
    is($neap->stop, 0, 'a clean stop');
};

subtest 'never set: after the deadline without a time' => sub {
    my $broker = start_broker();
    my $sub    = subscribe($broker, topic => '+/messages/json');
    my ($neap) = start_behind($broker, $YEARS, "clock: { deadline: 2s }\n");
    wait_for(sub { grep { /"m\.n":"\d+"/ && !/timestamp/ } $sub->payloads }, 30, 'samples without a time');
    cmp_ok($neap->status->{sent}{untimed}, '>', 0, 'and they are counted');
    is($neap->stop, 0, 'a clean stop');
};

done_testing();
