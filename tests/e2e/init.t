#!/usr/bin/perl
# neap init: a configuration that is right once the serial is set, with every key in it; and it replaces nothing.
use strict;
use warnings;
use NeapTest;
use Test::More;

my $dir  = temp_dir();
my $file = "$dir/neap.yaml";
my @c    = ('-c', $file);

is_deeply([ run_neap('init', @c) ],
    [ 0, "$file: the configuration; device.serial and broker.url are yours to set\n$dir/scripts/box.lua: a first script\n", '' ],
    'neap init');
is((stat $file)[2] & 0777, 0600, 'a password may come into it: nobody else reads it');
like((run_neap('check', @c))[2], qr/^\Q$file\E:\d+:\d+: device\.serial: missing/, 'only the serial is missing');
is((run_neap('check', @c))[0], 2, 'which neap check says');
my $text = slurp($file);
spew($file, $text =~ s/^  serial:$/  serial: GW-7/mr);
is_deeply([ run_neap('check', @c) ], [ 0, "$file is right: the scripts in $dir/scripts declare 2 paths\n", '' ], 'with a serial it is right');

# every line that is commented out, taken in alone or all together
my $set = slurp($file);
spew("$dir/all.yaml", $set =~ s/^# //mgr);
is_deeply([ (run_neap('check', '-c', "$dir/all.yaml"))[ 0, 2 ] ], [ 0, '' ], 'all defaults taken in: right');
my @groups = $set =~ /^# (\w+:\n(?:#   .*\n)+)/mg;
cmp_ok(scalar @groups, '>', 5, 'groups are there');
for my $group (@groups) {
    my ($name) = $group =~ /^(\w+)/;
    spew("$dir/one.yaml", $set =~ s/^# (\Q$name\E:\n(?:#   .*\n)+)/$1 =~ s{^# }{}mgr/emr);
    is((run_neap('check', '-c', "$dir/one.yaml"))[0], 0, "$name: taken in alone: right");
}
my $manual = slurp(root_dir() . '/docs/neap.yaml.5');
my @known = $manual =~ /^\.It Ic (\w+(?:\.\w+)+)/mg;
cmp_ok(scalar @known, '>', 30, 'keys of the manual');
my %here;
my @path;
for my $line (split /\n/, $set) {
    next if $line !~ /^(?:# )?( *)(\w+):/;
    my $depth = length($1) / 2;
    splice(@path, $depth);
    push(@path, $2);
    $here{ join '.', @path } = 1;
}
is(join(' ', grep { !$here{$_} && !/^(?:params|policies)\./ } @known), '', 'every key of the manual is in the file');

is_deeply([ run_neap('init', @c) ], [ 1, '', "neap init: $file is there already: it is left as it is\n" ], 'a second time: refused');
is(slurp($file), $set, 'and nothing is changed');
spew("$dir/scripts/box.lua", '-- mine');
unlink($file);
is_deeply([ run_neap('init', @c, 'GW-8', 'tcp://127.0.0.1:1') ], [ 0, "$file: the configuration\n", '' ], 'with serial and broker');
is(slurp("$dir/scripts/box.lua"), '-- mine', 'a script that is there stays');
is((run_neap('check', @c))[0], 0, 'right at once');
like(slurp($file), qr{^  serial: GW-8\n.*^  url: "tcp://127\.0\.0\.1:1"$}ms, 'both are in it');
unlink($file);
is((run_neap('init', @c, q(a: "b' #c), 'tcp://127.0.0.1:1'))[0], 0, 'a serial that YAML would take apart');
like((run_neap('check', @c))[2], qr/device\.serial.*#/, 'is one text: its # is what is refused');
is((run_neap('init', @c, 1, 2, 3))[0], 2, 'too many arguments: its usage');

# it runs
my $broker = start_broker();
my $new = temp_dir() . '/neap.yaml';
is((run_neap('init', '-c', $new, 'GW-9', 'tcp://127.0.0.1:' . $broker->port))[0], 0, 'for a broker of ours');
my $neap = start_neap($new);
$neap->wait_state('connected');
wait_for(sub { grep { $_->{accepted} > 0 && $_->{name} eq 'default' } @{ $neap->status->{policies} } }, 20, 'a sample of the first script');
is($neap->stop, 0, 'the first script ran');

done_testing();
