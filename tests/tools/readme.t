#!/usr/bin/perl
# The README's first script and configuration work as printed; what it and the manuals link to is there.
use strict;
use warnings;
use Test::More;
use NeapTest;

my $readme = slurp('README.md');

my $folder = temp_dir();
mkdir("$folder/scripts") or die "mkdir: $!";
my ($lua)  = $readme =~ /^```lua\n(.*?)^```/ms or BAIL_OUT('no script in the README');
my ($yaml) = $readme =~ /^```yaml\n(.*?)^```/ms or BAIL_OUT('no configuration in the README');
spew("$folder/scripts/box.lua", $lua);
spew("$folder/neap.yaml", $yaml);
my ($status, $out, $err) = run_neap('check', '-c', "$folder/neap.yaml");
is($status, 0, 'neap check passes the first script') or diag($out, $err);
is($err, '', 'without a warning');
like($out, qr/declare 2 paths/, 'a setting and a variable');

for my $page ('README.md', glob('docs/*.md')) {
    my ($base) = $page =~ m{^(.*/)?};
    for my $link (slurp($page) =~ /\]\(([^)#:]+)\)/g) {
        ok(-e ($base // '') . $link, "$page: $link is there");
    }
}

my (undef, $help) = run_neap('help');
my $manual = slurp('docs/neap.1');
for my $command ($help =~ /^  neap (\w+)/mg) {
    like($manual, qr/^\.It Cm $command\b/m, "neap(1) tells about $command");
}
done_testing();
