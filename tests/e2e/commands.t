#!/usr/bin/perl
# The commands: what goes to standard output and to standard error, and the exit status.
use strict;
use warnings;
use NeapTest;
use Test::More;

my $SCRIPT = slurp(root_dir() . '/examples/machine.lua');
my $config = write_config(undef, scripts => { 'machine.lua' => $SCRIPT });
my $dir    = $config =~ s{/[^/]*$}{}r;

# Runs neap; its status, output and errors must be (or match) what is given.
sub neap_does {
    my ($arguments, $status, $out, $err, $what) = @_;
    my @got = run_neap(@$arguments);
    subtest $what => sub {
        is($got[0], $status, "status $status");
        my @rest = ([ $got[1], $out, 'standard output' ], [ $got[2], $err, 'standard error' ]);
        ref $_->[1] ? like($_->[0], $_->[1], $_->[2]) : is($_->[0], $_->[1], $_->[2]) for @rest;
    };
    return;
}

my @c = ('-c', $config);
my $all = qr/^neap: .*\n(?s:.*)^  neap run .*\n^  neap check (?s:.*)^  neap status (?s:.*)^  neap model (?s:.*)^  neap --version$/m;
neap_does(['--version'],      0, qr/^neap \d+\.\d+\.\d+\n\z/, '', '--version');
neap_does([],                 0, $all, '', 'no command: the list of them');
neap_does(['help'],           0, $all, '', 'help');
neap_does(['--help'],         0, $all, '', '--help');
neap_does([qw(help status)],  0, "neap status [-c FILE] [--json | --prometheus | --check] [--watch]\n  does it work, and if not, why\n", '', 'help TOPIC');
neap_does([qw(status --help)], 0, (run_neap(qw(help status)))[1], '', 'and --help behind the command');
neap_does([qw(help asset.variable.every)], 0, qr/^asset:variable\.every\?: period\n    Reads at the start/, '', 'help of a function\'s field');
neap_does([qw(help slepe)],   2, '', qq(neap help: there is neither a command nor a function slepe (did you mean "sleep"?)\n), 'the nearest name');
neap_does([qw(help nosuch)],  2, '', "neap help: there is neither a command nor a function nosuch\n", 'help of what is not there');
neap_does(['chekc'],          2, '', qq(neap: there is no command "chekc" (did you mean "check"?); `neap help` lists them\n),
    'an unknown command: the nearest');
neap_does([qw(run --nosuch)], 2, '', "neap run: it has no option --nosuch\nusage: neap run [-c FILE]\n", 'an unknown option');
neap_does([qw(run -o x)],     2, '', "neap run: it has no option -o\nusage: neap run [-c FILE]\n", 'an option of another command');
neap_does([qw(check -c)],     2, '', "neap check: -c needs a value\nusage: neap check [-c FILE]\n", 'a value is missing');
neap_does(['check', 'extra', @c], 2, '', qq(neap check: it takes no argument "extra"\nusage: neap check [-c FILE]\n),
    'an argument too many');
neap_does([qw(check -c /nosuch.yaml)], 2, '', "cannot read /nosuch.yaml: No such file or directory\n", 'no configuration');
neap_does(['check', @c], 0, "$config is right: the scripts in $dir/scripts declare 2 paths\n", '', 'check');

my $none = "no agent is running here: nothing answers at $dir/neap.sock (start it with `neap run`)\n";
neap_does(['status', @c],            1, '', "neap status: $none", 'status without an agent');
neap_does(['status', '--json', @c],  1, '', "neap status: $none", 'status --json without an agent');
neap_does(['clock', 'set', @c],      1, '', "neap clock: $none",  'clock set without an agent');
neap_does(['clock', @c],             2, '', "usage: neap clock [-c FILE] set\n", 'clock without its word');
neap_does(['model', @c],             2, '', "neap model: give -o FILE to write a model, or --check FILE to compare with one\n", 'model without -o');
neap_does(['model', '-o', '/nosuch/app.zip', @c], 1, '', qr{^neap model: cannot make /nosuch/app\.zip\S*: No such file or directory$},
    'model into nowhere');

subtest 'model: the tutorial\'s' => sub {
    my ($status, $out, $err) = run_neap('model', @c, '-o', "$dir/app.zip", '--type', 'com.test.myapplication',
        '--name', 'My Application', '--revision', '0.0.1');
    is($status,    0,  'status 0');
    is($out . $err, '', 'nothing to say');
    is((run_command('unzip', '-tq', "$dir/app.zip"))[0], 0, 'unzip -t finds no fault');
    my $model = (run_command('unzip', '-p', "$dir/app.zip", 'model.app'))[1];
    spew("$dir/model.app", $model);
    is((run_command('xmllint', '--noout', "$dir/model.app"))[0], 0, 'xmllint neither');
    # its elements, each with its attributes, in canonical form
    my $canonical = sub {
        my ($file) = @_;
        my ($code, $text) = run_command('xmllint', '--c14n', $file);
        return $code ? "xmllint: $code" : $text =~ s/>\s+</></gr =~ s/\s+\z//r;
    };
    spew("$dir/tutorial.app", <<'END');
<?xml version="1.0" encoding="ISO-8859-1"?>
<app:application xmlns:app="http://www.sierrawireless.com/airvantage/application/1.0"
        type="com.test.myapplication"
        name="My Application"
        revision="0.0.1">
 <capabilities>

  <communication>
   <protocol comm-id="SERIAL" type="REST" />
  </communication>

  <data>
   <encoding type="REST">
    <asset default-label="My Machine" id="machine">
     <variable default-label="Temperature" path="temperature" type="double"/>
      <setting default-label="Threshold" path="threshold" type="int"/>
     </asset>
   </encoding>
  </data>

 </capabilities>
</app:application>
END
    is($canonical->("$dir/model.app"), $canonical->("$dir/tutorial.app"), 'the same as the tutorial\'s, token by token');
};

subtest 'model: of a script that does not load' => sub {
    my $bad = write_config(undef, scripts => { 'machine.lua' => $SCRIPT, 'bad.lua' => 'x = = 1' });
    my ($status, $out, $err) = run_neap('model', '-c', $bad, '-o', "$dir/bad.zip");
    is($status, 2, 'status 2');
    like($err, qr{/bad\.lua:1: unexpected symbol near '='\n\z}, 'says why');
    ok(!-e "$dir/bad.zip", 'and writes none: the server would forget what it had');
};

subtest 'status' => sub {
    my $broker = start_broker(users => { 'GW-1' => 'secret' });
    my $neap   = start_neap(write_config($broker, scripts => { 'machine.lua' => $SCRIPT }));
    my $status = $neap->wait_state('connected');
    my %policy = map { $_->{name} => $_ } @{ $status->{policies} };
    ok($policy{default}, 'the policy default is among policies');
    is(join(' ', map { $_->{name} } @{ $status->{scripts} }), 'machine', 'the script among scripts');
    is($status->{serial}, 'GW-1', 'serial');
    is($status->{pid}, $neap->pid, 'pid');
    my ($code, $out, $err) = run_neap('status', '-c', $neap->{config});
    is($code . $err, '0', 'status for people');
    like($out, qr/^link +connected/m, 'tells the link');
    is($neap->stop, 0, 'a clean stop');
};

done_testing();
