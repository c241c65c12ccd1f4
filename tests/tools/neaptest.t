#!/usr/bin/perl
# NeapTest.pm itself: however a test ends, it leaves no process and no file behind.
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use Test::More;
use Time::HiRes qw(sleep time);

my $lib = abs_path(dirname(__FILE__) . '/../e2e/lib');
my $dir = tempdir(CLEANUP => 1);

# A test that starts a broker, a subscriber and a program, tells their pids, and then does $ending.
sub run_test {
    my ($ending) = @_;
    open(my $fh, '>', "$dir/inner.pl") or die $!;
    print $fh <<"END";
use lib '$lib';
use NeapTest;
use Test::More;
\$| = 1;
my \$broker = start_broker();
my \$sub = subscribe(\$broker);
my \$program = start_program({ input => 1 }, 'cat');
print join(' ', \$broker->pid, \$sub->{pid}, \$program->pid), "\\n", test_dir(), "\\n";
$ending;
END
    close($fh);
    local $ENV{TMPDIR} = $dir;
    my $pid = open(my $out, '-|', "exec $^X $dir/inner.pl 2>/dev/null") or die $!;
    my @pids   = split ' ', readline($out) // '';
    my $folder = readline($out) // '';
    chomp $folder;
    return ($pid, $out, $folder, @pids);
}

# A process that nobody has waited for is dead too.
sub alive {
    my ($pid) = @_;
    open(my $fh, '<', "/proc/$pid/stat") or return 0;
    return readline($fh) !~ /\) [ZX]/;
}

sub gone {
    my ($what, @pids) = @_;
    my $end = time + 20;
    sleep(0.03) while time < $end && grep { alive($_) } @pids;
    is(scalar(grep { alive($_) } @pids), 0, "$what: no process is left");
}

my %endings = (
    'it ends'             => 'done_testing()',
    'it dies'             => 'die "on purpose"',
    'it waits in vain'    => 'wait_for(sub { 0 }, 0.1, "nothing")',
    'a child is stopped'  => '$program->signal("STOP"); exit 0',
);
for my $name (sort keys %endings) {
    my ($pid, $out, $folder, @pids) = run_test($endings{$name});
    is(scalar @pids, 3, "$name: three processes");
    1 while readline($out);
    close($out);
    gone($name, @pids);
    ok(!-e $folder, "$name: no folder is left");
}
for my $signal (qw(INT TERM HUP KILL)) {
    my ($pid, $out, $folder, @pids) = run_test('sleep 60');
    is(scalar @pids, 3, "$signal: three processes");
    ok(alive($pids[0]), "$signal: the broker runs");
    kill($signal, $pid);
    close($out);
    gone($signal, @pids);
    ok(!-e $folder, "$signal: no folder is left") if $signal ne 'KILL';
}
done_testing();
