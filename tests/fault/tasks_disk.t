# What of a task must be on the disk, is: an acknowledgement at once, whatever queue.sync says; with tasks.sync also that a
# task arrived, began and ended. A disk that refuses to sync shows who asked.
use strict;
use warnings;
use Test::More;
use FindBin;
use lib "$FindBin::Bin/../e2e/lib";
use NeapTest;

my $preload = ($ENV{NEAP_BUILD} // root_dir() . '/build/rel') . '/tests/disk_preload.so';
my $broker  = start_broker();
my $sub     = subscribe($broker, topic => '+/acks/json');

sub acks { return map { $_->{uid} } map { @{ decode($_) } } $sub->payloads }

# neap on a disk that refuses to sync below the folder's $part, once it is told.
sub begin {
    my ($serial, $part, $more) = @_;
    my $dir    = temp_dir();
    my $config = write_config($broker, dir => $dir, serial => $serial, more => "dialect: current\n$more", scripts => { 'machine.lua' => <<'END' });
local machine = asset("machine")
machine:variable("heat")
machine:command("go", { run = function() end })
on("connected", function() machine:push("heat", 20); log.info("pushed") end)
END
    my $yaml = slurp($config);
    $yaml =~ s/^queue: \{ dir: (\S+) \}/queue: { dir: $1, sync: 1h }/m or die 'queue';
    spew($config, $yaml);
    my $rules = spew(temp_dir() . '/rules', '');
    local $ENV{LD_PRELOAD}       = $preload;
    local $ENV{NEAP_FAULT_UNDER} = "$dir/$part";
    local $ENV{NEAP_FAULT_FILE}  = $rules;
    local $ENV{ASAN_OPTIONS}     = join(':', $ENV{ASAN_OPTIONS} // (), 'verify_asan_link_order=0');
    my $neap = start_neap($config);
    delete local $ENV{LD_PRELOAD};
    $neap->wait_log(qr/machine: pushed/);
    spew($rules, "sync 1 0 EIO\n");
    return $neap;
}

sub go {
    my ($serial, $uid) = @_;
    publish($broker, "$serial/tasks/json", qq([{"uid":"$uid","command":{"id":"machine.go"}}]));
    wait_for(sub { grep { $_ eq $uid } acks() }, 30, "the acknowledgement of $uid");
    return;
}

my $neap = begin('D-1', 'queue/', '');
wait_for(sub { grep { $_->{name} eq 'default' && $_->{waiting} == 1 } @{ $neap->status->{policies} } }, 20, 'a sample');
unlike($neap->log, qr{cannot sync}, 'a sample is synced when it is its time');
go('D-1', 'd1');
$neap->wait_log(qr{cannot sync \S+queue/acks.*Input/output error});
pass('an acknowledgement is at once');
$neap->kill9;

$neap = begin('D-2', 'state/uids', '');
go('D-2', 'd2');
unlike($neap->log, qr/is not kept/, 'without tasks.sync the journal of uids is not waited for');
is($neap->stop, 0, 'a clean stop');

$neap = begin('D-3', 'state/uids', "tasks: { sync: true }\n");
go('D-3', 'd3');
is(scalar(() = $neap->log =~ m{a task's state is not kept.*state/uids: Input/output error}g), 1, 'with it, it is (told once a minute)');
is($neap->stop, 0, 'a clean stop');
done_testing();
