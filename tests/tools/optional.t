#!/usr/bin/perl
# Libraries that neap can be built without: each file that asks for one compiles without it too.
use strict;
use warnings;
use File::Temp qw(tempdir);
use Test::More;

my $dir   = tempdir(CLEANUP => 1);
my @files = grep { slurp($_) =~ /^#\s*if.*\bHAVE_LIB/m } glob('core/*/*.c lua/*.c tests/unit/*.c tests/tools/*.c');

sub slurp {
    my ($name) = @_;
    open(my $fh, '<', $name) or die "$name: $!";
    local $/ = undef;
    return scalar readline $fh;
}

cmp_ok(scalar(@files), '>=', 3, 'there are such files');
for my $file (@files) {
    my $object = "$dir/" . $file =~ s/\.c$/.o/r;
    delete local $ENV{MAKEFLAGS};
    my $said = `make -s VARIANT=rel B=$dir MODBUS_LIBS= MODBUS_CFLAGS= EDIT_LIBS= EDIT_CFLAGS= $object 2>&1`;
    is($?, 0, $file) or diag($said);
}
done_testing;
