# The small files of the state folder on a flash that is slow, and on one that refuses: nobody waits for them, and
# the agent does its work.
use strict;
use warnings;
use Test::More;
use FindBin;
use lib "$FindBin::Bin/../e2e/lib";
use NeapTest;
use Time::HiRes qw(time);

my $build  = $ENV{NEAP_BUILD} // root_dir() . '/build/rel';
my $bin    = $ENV{NEAP_BIN} // "$build/neap";
my @run    = split ' ', $ENV{NEAP_RUN} // '';
my $slow   = $ENV{NEAP_SLOW} || (@run ? 10 : 1);
my $broker = start_broker(users => { 'GW-1' => 'secret' });
my $config = write_config($broker, more => "agent: { asset: neap }\n", scripts => { 'm.lua' => <<'END' });
policy("small", { flush = "1h", max_samples = 100000, limit = "64KB" })
local m = asset("m")
m:variable("a", { type = "int", policy = "small" })
m:command("fill", { run = function() for i = 1, 4000 do m:push("a", i) end end })
END
my $dir = $config =~ s{/[^/]*$}{}r;
my $changes = 0;
sub break { return spew("$dir/rules", "$_[0]\n" . '#' x ++$changes) }

break('');
my $neap = start_program({ name => 'neap', env => { LD_PRELOAD => "$build/tests/disk_preload.so", NEAP_FAULT_UNDER => "$dir/state",
    NEAP_FAULT_FILE => "$dir/rules", ASAN_OPTIONS => join(':', grep { $_ } $ENV{ASAN_OPTIONS}, 'verify_asan_link_order=0') } },
    @run, $bin, 'run', '-c', $config);
$neap->{config} = $config;
$neap->wait_state('connected');

# the longest time that the agent took to answer, while $check was not true
sub slowest_until {
    my ($check, $what) = @_;
    my $worst = 0;
    wait_for(
        sub {
            my $before = time;
            $neap->status or die 'no answer';
            $worst = time - $before if time - $before > $worst;
            return $check->();
        },
        40, $what);
    return $worst;
}

# each sync of the state folder takes three seconds: the journal's, losses.json's and its folder's
break('sync 1 0 3000');
is((run_neap('task', '-c', $config, 'command', 'm.fill'))[0], 0, 'samples are lost');
my $worst = slowest_until(sub { slurp("$dir/state/losses.json") =~ /told/ && slurp("$dir/state/events.log") =~ /samples lost/ },
    'the loss to be noted and kept');
cmp_ok($worst, '<', 2 * $slow, sprintf('while each sync takes 3 s the agent answers within %.2f s', $worst));

# the folder refuses
break('write 1 0 ENOSPC');
is((run_neap('task', '-c', $config, 'command', 'm.fill'))[0], 0, 'more are lost, and the state folder is full');
$neap->wait_log(qr/events\.log cannot be written: No space left on device; the journal of events has a gap/, 30);
ok($neap->status, 'it is said, and the agent answers');
is($neap->status->{link}{state}, 'connected', 'the link stays');
break('');
is((run_neap('task', '-c', $config, 'command', 'm.fill'))[0], 0, 'and again');
my $before = slurp("$dir/state/events.log");
wait_for(sub { length slurp("$dir/state/events.log") > length $before }, 40, 'the journal to go on');
is($neap->stop, 0, 'a clean stop');
my ($status, $out, $err) = run_neap('log', '--journal', '-c', $config);
is("$status$err", '0', 'the journal can be read');
like($out, qr/stop   Terminated\n\z/, 'and ends with the stop');

done_testing();
