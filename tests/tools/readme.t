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

# the commands of the section "In five minutes", as printed, but for the folder, the port and the broker
my ($minutes) = $readme =~ /^## In five minutes\n(.*?)^## /ms or BAIL_OUT('no section "In five minutes"');
my $broker = start_broker();
my $port   = $broker->port;
my $home   = temp_dir();
my $bin    = ($ENV{NEAP_BUILD} // root_dir() . '/build/rel');
my @shown;
my ($first, $second) = map { s/^mosquitto .*\n//mr =~ s/\$PWD\/build\/rel/$bin/r =~ s/\b1883\b/$port/gr =~ s/~/$home/gr } $minutes =~ /^```sh\n(.*?)^```/msg;
$first =~ s/^neap tail (.*?) +#.*$/exec neap tail $1/m or BAIL_OUT('no neap tail in the README');
$first =~ s/^(neap run .*2>&1) &.*$/$1 & echo \$! >pid/m or BAIL_OUT('no neap run in the README');
my $tail = start_program({ name => 'tail' }, 'sh', '-c', $first =~ s/(?=^exec)/while [ ! -S neap.sock ]; do sleep 0.1; done\n/mr);
wait_for(sub { $tail->log =~ /box\.load +[\d.]+ / }, 60, 'a sample in neap tail');
my ($code, $said, $fault) = run_command('sh', '-ec', $second);
is("$code$fault", '0', 'the second terminal: no error');
like($said, qr/^box: reloaded\n.*^link +connected for /ms, 'reloaded, and connected');
my $before = length $tail->log;
wait_for(sub { (() = substr($tail->log, $before) =~ /box\.load/g) >= 2 }, 60, 'the changed sensor, in neap tail');
pass('the changed sensor is seen in neap tail');
kill('TERM', slurp("$home/box/pid"));
$tail->wait_end;
wait_for(sub { slurp("$home/box/neap.log") =~ /stopped$/m }, 30, 'the end of the agent');
is(slurp("$home/box/scripts/box.lua") =~ s/^--.*\n|^\n(?=local box)//mgr, $lua =~ s/default = 10/default = 2/r =~ s/%S\+/%S+ (%S+)/r,
    'the first script that neap init writes is the one shown');

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
