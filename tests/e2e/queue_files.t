#!/usr/bin/perl
# `neap queue`: what waits on disk, beside a running agent and without one; damage is found by its byte; drop asks first.
use strict;
use warnings;
use NeapTest;
use Test::More;

my $SCRIPT = <<'END';
policy("slow", { flush = "1h" })
local m = asset("m")
m:variable("n", { type = "int", policy = "slow" })
on("start", function() for i = 1, 1000 do m:push("n", i) end end)
END

my $config = write_config(undef, scripts => { 'slow.lua' => $SCRIPT });
my $neap = start_neap($config);
wait_for(sub { my $s = $neap->status; $s && grep { $_->{name} eq 'slow' && $_->{waiting} == 1000 } @{ $s->{policies} } }, 20, 'a thousand');

sub queue { return run_neap('queue', @_, '-c', $config) }

sub listed {
    my ($slow) = grep { $_->{policy} eq 'slow' } @{ decode((queue('list', '--json'))[1]) };
    return $slow ? $slow->{samples} : 0;
}

is(listed(), 1000, 'list, beside the agent');
my @lines = split /\n/, (queue('dump', 'slow'))[1];
is(scalar @lines, 1000, 'dump: a line each');
is_deeply([ @{ decode($lines[-1]) }{qw(policy seq path type value)} ], [ 'slow', 1000, 'm.n', 'int', 1000 ], 'with path, type and value');
is((queue('check'))[0], 0, 'check: all is whole');
$neap->kill9;

my ($file) = glob($config =~ s{neap\.yaml$}{queue/slow/*.seg}r);
open(my $fh, '+<', $file) or die "$file: $!";
seek($fh, 5000, 0);
print {$fh} 'xxxx';
close($fh);
my ($status, $out) = queue('check');
is($status, 1, 'check of a damaged file');
like($out, qr/slow\/\S+\.seg: damaged at byte \d+, \d+ bytes/, 'says where');
is(listed(), 999, 'one sample is lost');
is((queue('drop', 'slow'))[0], 2, 'drop without --yes, and nobody to ask');
is(listed(), 999, 'drops nothing');
is((queue('drop', 'nothing', '--yes'))[0], 1, 'drop of what is not there');
($status, $out) = queue('drop', 'slow', '--yes');
is($status, 0, 'drop');
like($out, qr/^999 samples of policy slow dropped$/m, 'says how many');
is(listed(), 0, 'and they are gone');
done_testing();
