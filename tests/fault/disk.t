# The queue on a disk that refuses, at each call and in each way, and under kill -9: nothing that was accepted is
# missing unless its loss is counted, and all is well again when the disk is, without a restart.
use strict;
use warnings;
use Test::More;
use FindBin;
use lib "$FindBin::Bin/../e2e/lib";
use NeapTest;
use IPC::Open2;
use Time::HiRes qw(time sleep);

my $build   = $ENV{NEAP_BUILD} // root_dir() . '/build/rel';
my $slow    = slow();
my @run     = split ' ', $ENV{NEAP_RUN} // '';
my $preload = "$build/tests/disk_preload.so";
my $driver  = tool('queue_driver');

package Driver;

# dir => folder, rules => text: what is broken, options => [..] of queue_driver
sub start {
    my ($class, %self) = @_;
    ($self{control}, $self{log}) = map { (my $name = $self{dir}) =~ s,[^/]*$,$_,; $name } 'rules', 'log';
    my $self = bless { %self }, $class;
    $self->break($self{rules} // '');
    local $ENV{LD_PRELOAD} = $preload;
    local $ENV{NEAP_FAULT_UNDER} = $self->{dir};
    local $ENV{NEAP_FAULT_FILE} = $self->{control};
    local $ENV{ASAN_OPTIONS} = join ':', grep { $_ } $ENV{ASAN_OPTIONS}, 'verify_asan_link_order=0';
    open(my $quiet, '>&', \*STDERR) or die "cannot keep standard error: $!";
    open(STDERR, '>>', $self->{log}) or die "cannot write $self->{log}: $!";
    $self->{pid} = IPC::Open2::open2($self->{out}, $self->{in}, @run, $driver, $self->{dir}, @{ $self->{options} // [] });
    open(STDERR, '>&', $quiet) or die "cannot restore standard error: $!";
    $self->{in}->autoflush(1);
    return $self;
}

# New rules for the disk; '' mends it.
sub break {
    my ($self, $rules) = @_;
    main::spew($self->{control}, "$rules\n" . '#' x ++$self->{changes});
}

sub tell {
    my ($self, $command) = @_;
    print { $self->{in} } "$command\n";
}

sub ask {
    my ($self, $command) = @_;
    local $SIG{PIPE} = 'IGNORE';
    $self->tell($command);
    my $answer = readline $self->{out};
    defined $answer or die "the driver died at '$command'; its log: " . main::slurp($self->{log});
    chomp $answer;
    my ($word, $rest) = split ' ', $answer, 2;
    die "'$command' was answered '$answer'" if $word ne (split ' ', $command)[0];
    return $rest // '';
}

sub figures {
    my ($self) = @_;
    my ($trouble) = (my $text = $self->ask('figures')) =~ /trouble=(.*)/;
    my %figures = $text =~ /(\w+)=(\d+)/g;
    $figures{trouble} = $trouble;
    $figures{lost} = 0;
    $figures{lost} += $figures{$_} for grep { /^lost_/ } keys %figures;
    return \%figures;
}

# Takes everything; returns the numbers.
sub drain {
    my ($self, $most) = @_;
    my @all;
    while (1) {
        my @got = main::numbers($self->ask('take ' . ($most // 100000)));
        push @all, @got;
        return @all if !@got || $most;
    }
}

sub quit {
    my ($self) = @_;
    close $self->{in};
    my @rest = readline $self->{out};
    waitpid $self->{pid}, 0;
    return $?;
}

package main;

sub numbers { return map { my ($a, $b) = split /-/; $a .. $b } split ' ', $_[0] }

sub new_dir { return temp_dir() . '/q' }

# What is missing of the expected, and what came that was never made.
sub compare {
    my ($got, $expected) = @_;
    my %got = map { $_ => 1 } @$got;
    my %expected = map { $_ => 1 } @$expected;
    my @missing = grep { !$got{$_} } @$expected;
    my @foreign = grep { !$expected{$_} } @$got;
    return (@missing ? 'missing: ' . join(' ', @missing[0 .. ($#missing < 9 ? $#missing : 9)]) : '')
        . (@foreign ? ' foreign: ' . join(' ', @foreign) : '');
}

# One failure somewhere, the disk mended, and nothing is missing.
sub survives {
    my ($rule) = @_;
    my $d = Driver->start(dir => new_dir(), rules => $rule);
    my @got;
    $d->ask('append 60'), $d->ask('sync') for 1 .. 2;
    $d->ask('advance 2000');
    push @got, $d->drain(30);
    $d->ask('append 60');
    $d->ask('sync');
    $d->break('');
    $d->ask('advance 2000') for 1 .. 3;
    my ($error) = split ' ', $d->ask('sync');
    return "sync after the mending: error $error" if $error != 0;
    my $f = $d->figures;
    return "not back on the disk: $f->{trouble}" if $f->{trouble} || $f->{memory} || $f->{unsynced};
    return "$f->{lost} lost" if $f->{lost};
    $d->ask('close');
    push @got, $d->drain;
    my $difference = compare(\@got, [ 0 .. 179 ]);
    return $difference if $difference;
    return $d->quit == 0 ? '' : 'a bad end';
}

subtest 'each call fails once, or from then on, in each way' => sub {
    my %ways = (
        open  => [qw(ENOSPC EIO EROFS EMFILE)],
        write => [qw(ENOSPC EIO EROFS short)],
        sync  => [qw(EIO ENOSPC)],
        mkdir => [qw(ENOSPC EROFS EIO)],
        any   => [qw(EIO ENOSPC)],
    );
    for my $op (sort keys %ways) {
        for my $way (@{ $ways{$op} }) {
            my @bad;
            for my $from (1 .. ($op eq 'mkdir' ? 2 : 6)) {
                for my $count (1, 3, 0) {
                    my $trouble = survives("$op $from $count $way");
                    push @bad, "$op $from $count $way: $trouble" if $trouble;
                }
            }
            is("@bad", '', "$op fails with $way");
        }
    }
};

subtest 'it ends while the disk is broken: what was synced is there' => sub {
    my @bad;
    for my $rule ('write 3 0 ENOSPC', 'any 9 0 EIO', 'open 4 0 EROFS', 'write 2 0 short', 'sync 2 0 EIO') {
        my $dir = new_dir();
        my $d = Driver->start(dir => $dir, rules => $rule);
        my $sure = 0;
        for (1 .. 4) {
            my ($first, $last) = split ' ', $d->ask('append 50');
            my ($error) = split ' ', $d->ask('sync');
            $sure = $last + 1 if $error == 0;
        }
        my $status = $d->quit;
        my $again = Driver->start(dir => $dir);
        my %got = map { $_ => 1 } $again->drain;
        my @missing = grep { !$got{$_} } 0 .. $sure - 1;
        push @bad, "$rule: status $status, missing @missing" if $status || @missing;
        $again->quit;
    }
    is("@bad", '', 'nothing that was sure is missing');
};

subtest 'a sync that takes two seconds does not stop the loop' => sub {
    my $d = Driver->start(dir => new_dir(), rules => 'sync 1 0 2000', options => ['sync=50']);
    $d->ask('append 100');
    my $start = time;
    my ($error, $stall) = split ' ', $d->ask('sync');
    is($error, 0, 'it is done');
    cmp_ok(time - $start, '>=', 1.9, 'it took its time');
    cmp_ok($stall, '<', 1000 * $slow, "the loop stood $stall ms at most");
    $d->ask('append 100');
    $stall = $d->ask('run 300');
    cmp_ok($stall, '<', 1000 * $slow, "nor by the timer: $stall ms");
    is($d->quit, 0, 'a clean end');
};

subtest 'memory has a limit, too' => sub {
    my $d = Driver->start(dir => new_dir(), options => ['memory=65536']);
    my $most = 0;
    $d->ask('next 0');    # it is up
    $d->break('any 1 0 ENOSPC');
    for (1 .. 100) {
        $d->ask('append 100');
        my $f = $d->figures;
        $most = $f->{memory} if $f->{memory} > $most;
    }
    my $f = $d->figures;
    cmp_ok($most, '<=', 65536, 'within queue.memory');
    cmp_ok($most, '>', 32768, 'which is used');
    is($f->{waiting} + $f->{lost_memory}, 10000, 'the rest is counted');
    like($f->{trouble}, qr/No space left/, 'the trouble has a name');
    my @log = grep { /No space left/ } split /\n/, slurp($d->{log});
    is(scalar @log, 1, 'it was said once') or diag(slurp($d->{log}));
    $d->break('');
    $d->ask('advance 2000') for 1 .. 3;
    is((split ' ', $d->ask('sync'))[0], 0, 'back on the disk');
    $d->ask('close');
    my @got = $d->drain;
    is(scalar @got, $f->{waiting}, 'what was kept arrives');
    is($got[-1], 9999, 'and it is the newest');
    is($d->figures->{lost_memory}, $f->{lost_memory}, 'the loss is still known after a restart');
    is($d->quit, 0, 'a clean end');
};

subtest 'thinning on a bad disk' => sub {
    for my $rule ('', 'rename 1 0 EIO', 'rename 2 1 ENOSPC', 'sync 3 2 EIO', 'open 8 1 EMFILE', 'write 20 0 short') {
        my $d = Driver->start(dir => new_dir(), rules => $rule, options => [ 'limit=49152', 'full=thin' ]);
        for (1 .. 60) {
            $d->ask('append 100');
            $d->ask('sync') if $_ % 2;
            $d->ask('advance 2000');
        }
        my $f = $d->figures;
        cmp_ok($f->{bytes}, '<=', 49152, "rule '$rule': the limit holds");
        is($f->{waiting} + $f->{lost}, 6000, 'all are accounted for');
        cmp_ok($f->{lost_thin}, '>', 0, 'some were thinned') unless $rule eq 'rename 1 0 EIO';
        $d->break('');
        $d->ask('advance 2000');
        $d->ask('close');
        my $left = $d->figures;
        is($left->{waiting} + $left->{lost}, 6000, 'also after a restart');
        is(scalar(my @got = $d->drain), $left->{waiting}, 'what is left arrives');
        is($d->quit, 0, 'a clean end');
    }
};

subtest 'reading fails for a while, or for good' => sub {
    my $d = Driver->start(dir => new_dir());
    $d->ask('append 500');
    $d->ask('close');
    $d->break('read 1 0 EIO');
    is(scalar(my @none = $d->drain), 0, 'nothing to be had');
    is($d->figures->{waiting}, 0, 'and nothing is promised meanwhile');
    $d->break('');
    is(scalar(@none = $d->drain), 0, 'it is not tried again at once');
    $d->ask('advance 2000');
    is(compare([ $d->drain ], [ 0 .. 499 ]), '', 'all is there later');

    $d->ask('append 500');
    $d->ask('close');
    $d->break('read 1 0 EIO');
    my $tries = 0;
    while ($d->figures->{lost} == 0 && $tries < 50) {
        $d->drain;
        $d->ask('advance 2000');
        $tries++;
    }
    is($d->figures->{lost_damaged}, 500, "given up and counted after $tries tries");
    $d->break('');
    $d->ask('append 5');
    is(compare([ $d->drain ], [ 1000 .. 1004 ]), '', 'the queue goes on');
    is($d->quit, 0, 'a clean end');
};

subtest 'a disk that is full' => sub {
    my $mount = temp_dir();
    plan skip_all => 'needs the right to mount a tmpfs'
        if $> != 0 || system("mount -t tmpfs -o size=128k neap-test '$mount' 2>/dev/null") != 0;
    my $d = Driver->start(dir => "$mount/q", options => ['memory=65536']);
    $d->ask('append 100') for 1 .. 100;
    my $f = $d->figures;
    is($f->{waiting} + $f->{lost}, 10000, 'all are accounted for');
    cmp_ok($f->{lost}, '>', 0, 'it was full');
    my @got = $d->drain(1000);
    $d->ask('sync');
    $d->ask('advance 2000') for 1 .. 3;
    push @got, $d->drain;
    is(scalar @got, $f->{waiting}, 'the rest arrives');
    $d->ask('append 1');
    $d->ask('advance 2000');
    is($d->figures->{trouble}, '', 'and there is room again');
    is($d->quit, 0, 'a clean end');
    system("umount '$mount'");
};

# Commands without end, a kill at any moment; what was answered as appended is delivered, or was before.
subtest 'kill -9 at any time' => sub {
    my $dir = new_dir();
    my (@accepted, %delivered);
    my $doubled = 0;
    srand(my $seed = $ENV{NEAP_SEED} // time * 1000 % 1000000);
    note("NEAP_SEED=$seed");
    for my $round (0 .. 59) {
        my $d = Driver->start(dir => $dir, options => ['sync=3']);
        $d->ask('next ' . $round * 100000);
        local $SIG{PIPE} = 'IGNORE';
        for (1 .. 100) {
            $d->tell($_) for 'append ' . (1 + int rand 30), (rand 12 < 1 ? 'sync' : ()), (rand 2 < 1 ? 'take ' . int rand 60 : ());
        }
        my @answers = map { scalar readline $d->{out} } 0 .. rand 60;    # it goes on with the next ones meanwhile
        sleep rand 0.003;
        kill 'KILL', $d->{pid};
        push @answers, readline $d->{out};
        waitpid $d->{pid}, 0;
        for (@answers) {    # what is taken is told before it is acknowledged: the last line may be half
            push @accepted, $1 .. $2 if /^append (\d+) (\d+)\n/;
            $delivered{$_}++ && $doubled++ for /^take(.*)$/ ? numbers($1) : ();
        }
    }
    my $d = Driver->start(dir => $dir);
    $delivered{$_}++ && $doubled++ for $d->drain;
    # a kill may tear the write that is under way: its last sample was not accepted yet, and counts
    my $f = $d->figures;
    is($f->{lost} - $f->{lost_damaged}, 0, 'nothing was lost');
    cmp_ok($f->{lost_damaged}, '<=', 60, "$f->{lost_damaged} writes were torn");
    is($d->quit, 0, 'a clean end');
    my @missing = grep { !$delivered{$_} } @accepted;
    is(scalar @missing, 0, scalar(@accepted) . " accepted, none missing; $doubled came twice");
};

done_testing;
