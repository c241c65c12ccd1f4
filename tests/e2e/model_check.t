# `neap model --check`: what the scripts declare against a model that the server has.
use strict;
use warnings;
use Test::More;
use NeapTest;

my $lua = <<'LUA';
local machine = asset("machine")
machine:variable("temperature", {})
machine:setting("threshold", { type = "int", min = 0, max = 100 })
machine:command("reset", { params = { delay = { type = "int", default = 0, max = 60 } }, run = function() end })
LUA
my $config = write_config(undef, scripts => { 'machine.lua' => $lua });
my $zip    = test_dir() . '/app.zip';
is((run_neap('model', '-c', $config, '-o', $zip))[0], 0, 'neap model');
my @agrees = run_neap('model', '-c', $config, '--check', $zip);
if ($agrees[2] =~ /built without expat/) { done_testing(); exit }
is_deeply(\@agrees, [ 0, '', '' ], 'our own model agrees');

$lua =~ s/"temperature", \{\}/"temperature", { type = "int" }/;
$lua =~ s/max = 60/max = 90/;
my $other = write_config(undef, more => "dialect: current\n", scripts => { 'machine.lua' => $lua . "machine:variable('speed', {})\n" });
is_deeply([ run_neap('model', '-c', $other, '--check', $zip) ], [ 1, <<'END', '' ], 'each difference is a line');
the model's encoding is not MQTT, as the dialect asks for
machine.reset: parameter delay: its maximum is 90 here (machine.lua:4), 60 in the model
machine.speed: the model does not have this variable (machine.lua:5)
machine.temperature: int here (machine.lua:2), double in the model
END
my ($status, $out, $err) = run_neap('model', '-c', $config, '--check', test_dir() . '/none.zip');
is("$status $out", '1 ', 'a model that is not there');
like($err, qr/^neap model: .*none\.zip: No such file or directory$/, '... is told');
is((run_neap('model', '-c', $config, @$_))[0], 2, "neap model @$_: a usage error")
    for [], ['--check'], [ '--check', $zip, '-o', $zip ], [ '-o', $zip, 'x' ];
done_testing();
