#!/usr/bin/perl
# neap support: what it holds, and what must never be in it; neap export and import: a device takes another's place.
use strict;
use warnings;
use NeapTest;
use Test::More;

my %secret = (
    literal => 'hunter-two-77', file => 'f1le-Pa55word', url => 'urlpass8', env => 'env-value-4711',
    param => 'tok-abcdef', script => 'lua-key-0815', quoted => q(qu"ot'ed\\9), short => 'xyz', folded => 'folded-secret-5',
);
my $broker = start_broker(users => { 'GW-1' => $secret{file} });
$ENV{NEAP_TEST_VALUE} = $secret{env};
$ENV{NEAP_TEST_QUOTED} = $secret{quoted};

# Unpacks the bundle: name => text.
sub unpack_bundle {
    my ($file) = @_;
    my $at = temp_dir();
    my ($status, undef, $err) = run_command('tar', '-xzf', $file, '-C', $at);
    is("$status$err", '0', 'tar unpacks it without a word');
    is((run_command('gzip', '-t', $file))[0], 0, 'gzip -t finds no fault');
    my %files;
    for my $name (split /\n/, (run_command('tar', '-tzf', $file))[1]) {
        $files{ $name =~ s{^neap-support/}{}r } = slurp("$at/$name");
    }
    return %files;
}

sub no_secret {
    my ($files, $what) = @_;
    for my $name (sort keys %secret) {
        next if $name eq 'short';
        my @in = grep { index($files->{$_}, $secret{$name}) >= 0 } sort keys %$files;
        is("@in", '', "$what: no $name secret in it");
    }
    unlike($files->{'neap.yaml'}, qr/xyz/, "$what: a short one is out of neap.yaml");
    return;
}

my %scripts = (
    'm.lua' => <<"END",
local API_KEY = "$secret{script}"
local cfg = params { token = "none", name = "x" }
local m = asset("m")
local s = m:setting("limit", { type = "int", default = 5 })
m:variable("a", { every = "1s", read = function() error("refused: $secret{param}") end })
m:command("keep", { run = function() s:get() end })
local kept = state { total = 0 }
every("1s", "sum", function() kept.total = kept.total + 1 end)
END
    'lib/util.lua' => "return { password = '$secret{script}' }\n",
);
my $config = write_config($broker, password => $secret{file}, scripts => \%scripts, more => <<"END");
params:
  m:
    token: $secret{param}
    name: "\${NEAP_TEST_VALUE} \${NEAP_TEST_QUOTED}"
  other:
    pass: xyz
    "my_password": >
      $secret{folded}
    name: z
# an old one: ssl://user:$secret{url}\@broker.example:8883, password: $secret{literal}
END
my $dir = $config =~ s{/[^/]*$}{}r;
my @c   = ('-c', $config);

is_deeply([ (run_neap('support', @c))[ 0, 2 ] ], [ 2, "neap support: -o FILE is missing: where the bundle goes\n" ], 'without -o');
my ($status, $out, $err) = run_neap('support', @c, '-o', "$dir/x.tgz");
is($status, 0, 'without an agent') or diag($err);
is((stat "$dir/x.tgz")[2] & 0777, 0600, 'nobody else reads the bundle');
my %files = unpack_bundle("$dir/x.tgz");
no_secret(\%files, 'without an agent');
like($files{'neap.yaml'}, qr/token: \[left out\]/, 'neap.yaml says that something was there');
like($files{'neap.yaml'}, qr{ssl://\[left out\]\@broker\.example}, 'a URL keeps its host');
like($files{'neap.yaml'}, qr/serial: GW-1/, 'and what is no secret');
like($files{'neap.yaml'}, qr/password_file: \S*password$/m, 'the name of the password\'s file is none');

like($files{'status.json'}, qr/"error":"no agent is running here/, 'the status says that there is none');
# with an agent
my $good = write_config($broker, password => $secret{file}, scripts => \%scripts, more => <<"END");
params: { m: { token: $secret{param}, name: "\${NEAP_TEST_VALUE}" } }
agent: { asset: neap }
END
my $at   = $good =~ s{/[^/]*$}{}r;
my $neap = start_neap($good);
$neap->wait_state('connected');
wait_for(sub { my ($m) = @{ $neap->status->{scripts} }; @{ $m->{bad} } }, 20, 'a bad sensor');
($status, $out, $err) = run_neap('support', '-c', $good, '-o', "$at/x.tgz");
is("$status$err", '0', 'beside the agent');
%files = unpack_bundle("$at/x.tgz");
is(join(' ', sort keys %files),
    'about.txt events.txt files.txt neap.yaml problems.txt queue.txt scripts/lib/util.lua scripts/m.lua sensors.json status.json',
    'what is in it');
no_secret(\%files, 'beside the agent');
is(decode($files{'status.json'})->{link}{state}, 'connected', 'the status');
like($files{'sensors.json'}, qr/"path":"m\.a"/, 'the sensors');
like($files{'about.txt'}, qr/^neap \d+\.\d+\.\d+\nlibuv /, 'versions');
like($files{'events.txt'}, qr/ link   connected to /, 'events');
like($files{'queue.txt'}, qr/^policy +samples/, 'the queue');
like($files{'scripts/m.lua'}, qr/API_KEY = "\[left out\]".*setting\("limit"/s, 'the script, without its key');

is((run_neap('export', '-c', $good, '-o', "$at/device.json"))[0], 1, 'export beside the agent: refused');
like((run_neap('export', '-c', $good, '-o', "$at/device.json"))[2],
    qr/^neap export: an export while the agent runs is not possible, stop it first: .* is locked by/, 'and why');
is((run_neap('task', '-c', $good, 'write', 'm.limit=42'))[0], 0, 'a setting is written');
$neap->stop;

# a configuration that is wrong, and one that is no YAML
for my $bad ([ "broker:\n  password: |\n     $secret{literal}\n  ]\n", 'no YAML, its password a folded text' ], [ "broker: { password: $secret{literal}, urll: x }\n", 'wrong' ], [ "broker: { password: $secret{literal}\n  ]", 'no YAML' ]) {
    spew("$dir/bad.yaml", $bad->[0]);
    is((run_neap('support', '-c', "$dir/bad.yaml", '-o', "$dir/bad.tgz"))[0], 0, "a configuration that is $bad->[1]");
    my %bad = unpack_bundle("$dir/bad.tgz");
    isnt($bad{'problems.txt'}, '', 'what is wrong with it');
    is(index(join('', values %bad), $secret{literal}), -1, 'its password is not in it');
}
is((run_neap('support', '-c', '/nosuch.yaml', '-o', "$dir/none.tgz"))[0], 0, 'no configuration at all');

# --- export and import ---

is((run_neap('export', '-c', $good, '-o', "$at/device.json"))[0], 0, 'export');
my $exported = decode(slurp("$at/device.json"));
is(join(' ', sort keys %{ $exported->{files} }), 'settings.json state-m.json', 'settings and what the script keeps');
is((run_neap('export', '-c', $good))[1] =~ s/"time_s":\d+//r, slurp("$at/device.json") =~ s/"time_s":\d+//r, 'without -o: to standard output');

my $other = write_config($broker, serial => 'GW-1', password => $secret{file}, scripts => \%scripts,
    more => "params: { m: { token: a, name: b } }\n");
my $there = $other =~ s{/[^/]*$}{}r;
my $import = sub { return run_neap('import', '-c', $other, @_) };
is_deeply([ $import->() ], [ 2, '', "usage: neap import [-c FILE] [--yes] FILE\n" ], 'import without a file: usage');
spew("$there/torn.json", substr(slurp("$at/device.json"), 0, 100));
like(($import->("$there/torn.json"))[2], qr/^neap import: \S+torn\.json is damaged, or nothing that neap export wrote: /, 'torn');
spew("$there/x.json", '{"a":1}');
is(($import->("$there/x.json"))[2], "neap import: $there/x.json is nothing that neap export wrote\n", 'another file');
spew("$there/x.json", slurp("$at/device.json") =~ s/"neap_export":1/"neap_export":2/r);
like(($import->("$there/x.json"))[2], qr/: format 2, and this neap \(\S+\) reads 1: install the version that wrote it$/, 'of a newer neap');
spew("$there/x.json", slurp("$at/device.json") =~ s{"settings\.json":}{"../../etc/passwd":}r);
like(($import->("$there/x.json"))[2], qr{"\.\./\.\./etc/passwd" is no file of settings or state}, 'a name that leads elsewhere');
spew("$there/x.json", slurp("$at/device.json") =~ s/("settings\.json":"\{)/$1]/r);
like(($import->("$there/x.json"))[2], qr/settings\.json is damaged: /, 'damaged within');
is(join(' ', glob("$there/state/*.json")), '', 'none of them left anything');
is_deeply([ $import->("$at/device.json") ], [ 0, "2 files of settings and state are in $there/state\n", '' ], 'import');
my $new = start_neap($other);
$new->wait_state('connected');
is((run_neap('task', '-c', $other, 'read', 'm.limit'))[1], "m.limit = 42\n", 'the setting is in force');
like(($import->("$at/device.json"))[2], qr/^neap import: an import while the agent runs is not possible/, 'import beside an agent: refused');
$new->stop;
cmp_ok(decode(slurp("$there/state/state-m.json"))->{total}{value} // 1, '>=', 1, 'what the script kept goes on');
like(($import->("$at/device.json"))[2], qr/ has 2 files of settings and state already: say --yes /, 'over what is there: only with --yes');
is(($import->('--yes', "$at/device.json"))[0], 0, '--yes');
my $third = write_config($broker, serial => 'GW-3', password => 'x', scripts => {});
like((run_neap('import', '-c', $third, "$at/device.json"))[2], qr/ was written by GW-1, this is GW-3 \(warning\)$/, 'another serial: a warning');

done_testing();
