#!/usr/bin/perl
# docs/neap-lua.7 is what `make docs` makes, and tells about each function of meta.lua.
use strict;
use warnings;
use NeapTest;
use Test::More;

my ($status, $made, $err) = run_command('lua5.4', 'tools/manual.lua');
is($status . $err, '0', 'tools/manual.lua works');
ok($made eq slurp('docs/neap-lua.7'), 'docs/neap-lua.7 is what it makes') or diag('run `make docs`');

my $page = (run_command('mandoc', '-Tutf8', '-Owidth=200', 'docs/neap-lua.7'))[1] =~ s/.\x08//gr;
my $meta = slurp('lua/neap/meta.lua');
my @functions = $meta =~ /^function (\w+\.?\w*)\(/mg;
cmp_ok(scalar @functions, '>', 20, 'functions to look for');
like($page, qr/^\s+\Q$_\E\(/m, "$_ is in it") for @functions;
my ($fields, $missing) = (0, 0);
while ($meta =~ /^---\@field (\w+)\??/mg) {
    $fields++;
    next if $page =~ /^\s+\Q$1\E\??:/m;
    $missing++;
    diag("the field $1 is not in it");
}
is($missing, 0, "all $fields fields are in it");
done_testing();
