#!/usr/bin/perl
# .ci/run: counts what prove said, and fails when anything failed.
use strict;
use warnings;
use Cwd qw(getcwd);
use File::Copy qw(copy);
use File::Temp qw(tempdir);
use Test::More;

my $root = getcwd();

# Runs .ci/run where `make check` is the given shell text and the given tests exist; gives its status and last line.
sub ci {
    my ($make, %tests) = @_;
    my $dir = tempdir(CLEANUP => 1);
    mkdir "$dir/$_" or die "$dir/$_: $!" for '.ci', 'bin';
    copy("$root/.ci/run", "$dir/.ci/run") or die "copy: $!";
    spew("$dir/$_", $tests{$_}) for keys %tests;
    spew("$dir/bin/make", "#!/bin/sh\n$make\n");
    chmod 0755, "$dir/bin/make";
    local $ENV{PATH} = "$dir/bin:$ENV{PATH}";
    my @lines = split /\n/, `bash $dir/.ci/run 2>&1 </dev/null`;
    return ($? >> 8, $lines[-1]);
}

sub spew {
    my ($name, $text) = @_;
    open(my $fh, '>', $name) or die "$name: $!";
    print $fh $text;
    close($fh) or die "$name: $!";
}

my %good    = ('good.t'    => 'print "1..3\nok 1\nok 2\nok 3 # SKIP\n";');
my %bad     = ('bad.t'     => 'print "1..4\nok 1\nnot ok 2\nok 3\nnot ok 4\n"; exit 1;');
my %dies    = ('dies.t'    => 'print "1..3\nok 1\nok 2\n"; $| = 1; print ""; kill "KILL", $$;');
my %nothing = ('nothing.t' => 'exit 1;');
my %leaks   = ('leaks.t'   => 'print "1..2\nok 1\nok 2\n"; exit 99;');
my $prove   = 'prove *.t';

is_deeply([ci($prove, %good)],                 [0, '3 passed, 0 failed'], 'all pass');
is_deeply([ci($prove, %good, %bad)],           [1, '5 passed, 2 failed'], 'failed tests');
is_deeply([ci($prove, %good, %dies)],          [1, '5 passed, 1 failed'], 'a program that is killed');
is_deeply([ci($prove, %good, %nothing)],       [1, '3 passed, 1 failed'], 'a program that does not start');
is_deeply([ci($prove, %good, %bad, %leaks)],   [1, '7 passed, 3 failed'], 'a program whose exit status alone is bad');
is_deeply([ci("$prove; echo 'check: failed: lint layers'; exit 1", %good)], [1, '3 passed, 2 failed'], 'lint and layers');
is_deeply([ci('echo "cc: error"; exit 2')],    [1, '0 passed, 1 failed'], 'a build that fails');
is_deeply([ci("$prove; exit 2", %good)],       [1, '3 passed, 1 failed'], 'make fails for another reason');
done_testing();
