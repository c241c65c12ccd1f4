#!/usr/bin/perl
# What scripts keep: a stop and a reload lose nothing of it, kill -9 what was not saved; a file that cannot be
# read or written is told, and costs the rest nothing.
use strict;
use warnings;
use NeapTest;
use Test::More;

my $SCRIPT = <<'END';
local m = asset("m")
local kept = state { starts = 0, list = {} }
local pulses = m:counter("pulses", { save = "1h", scale = 0.5 })
on("start", function(reason)
	kept.starts = kept.starts + 1
	kept.list[kept.starts] = { reason = reason or "boot" }
	log.info("starts", kept.starts, kept.list[kept.starts].reason, "pulses", pulses:get())
end)
m:command("pulse", { params = { n = { type = "int" } }, run = function(p) pulses:add(p.n) end })
m:command("save", { run = function() kept:save() end })
END

my $dir    = temp_dir();
my $config = write_config(undef, dir => $dir, scripts => { 'keep.lua' => $SCRIPT });
my $file   = "$dir/state/state-keep.json";

sub task { return (run_neap('task', '-c', $config, 'command', @_))[0] }

my $neap = start_neap($config);
$neap->wait_log(qr/starts 1 boot pulses 0/);
is(task('m.pulse', 'n=7'), 0, 'seven pulses');
ok(!-e $file, 'nothing is written at once');
is($neap->stop, 0, 'a clean stop');
like(slurp($file), qr/"m\.pulses":\{"count":7\}/, '... writes it');
is((stat $file)[2] & 0777, 0600, '... for nobody else');

$neap = start_neap($config);
$neap->wait_log(qr/starts 2 boot pulses 3\.5/);
is(task('m.pulse', 'n=1'), 0, 'a pulse');
is(task('m.save'), 0, 'saved');
is(task('m.pulse', 'n=1'), 0, 'and one more');
spew("$dir/scripts/keep.lua", "$SCRIPT\n");
is((run_neap('reload', '-c', $config))[0], 0, 'a reload');
$neap->wait_log(qr/starts 3 reload pulses 4\.5/);
like(slurp($file), qr/"count":8/, 'a reload writes nothing');
$neap->signal('KILL');
$neap->wait_end;

$neap = start_neap($config);
$neap->wait_log(qr/starts 3 boot pulses 4\b/);
pass('after kill -9 it is what was saved');
is($neap->stop, 0, 'a clean stop');

my ($status, $out, $err) = run_neap('repl', '-c', $config, '--offline', '-e', 'command("m.pulse", { n = 5 }) print(read "m.pulses")');
is("$status$out", "06.5\n", 'offline it goes on from there') or diag($err);
like(slurp($file), qr/"count":8/, '... on a copy');

unlink $file;
mkdir $file;
$neap = start_neap($config);
$neap->wait_log(qr/error script\.keep: what it kept cannot be read, it starts anew: .*state-keep\.json/);
$neap->wait_log(qr/starts 1 boot pulses 0/);
($status, $out, $err) = run_neap('task', '-c', $config, 'command', 'm.save');
isnt($status, 0, 'what cannot be written refuses');
like("$out$err", qr/cannot replace .*state-keep\.json: Is a directory/, '... with the reason');
is($neap->stop, 0, 'a clean stop all the same');
like($neap->log, qr/error scripts: what keep\.lua keeps is not saved: .*Is a directory/, '... which says so');
done_testing();
