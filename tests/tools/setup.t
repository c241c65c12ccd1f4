#!/usr/bin/perl
# tools/setup, with a dpkg and an apt-get of paper: what it would install, and what it says where it can't.
use strict;
use warnings;
use Cwd qw(getcwd);
use File::Copy qw(copy);
use File::Temp qw(tempdir);
use Test::More;

my $root = getcwd();
my $dir  = tempdir(CLEANUP => 1);
mkdir "$dir/$_" or die "$dir/$_: $!" for qw(bin tools);
copy("$root/tools/setup", "$dir/tools/setup") or die "copy: $!";
chmod 0755, "$dir/tools/setup";
for my $tool (qw(sh env dirname mkdir tail cat)) {
    my ($path) = grep { -x } map { "$_/$tool" } split /:/, $ENV{PATH};
    symlink($path, "$dir/bin/$tool") or die "$tool: $!";
}

sub command {
    my ($name, $text) = @_;
    unlink "$dir/bin/$name";
    return if !defined $text;
    open(my $fh, '>', "$dir/bin/$name") or die "$dir/bin/$name: $!";
    print $fh "#!/bin/sh\n$text\n";
    close($fh);
    chmod 0755, "$dir/bin/$name";
}

# Everything is installed but what is named: PACKAGE => state that dpkg tells, or undef if it does not know it.
sub missing {
    my (%state) = @_;
    my $cases = join '', map { "$_) " . (defined $state{$_} ? "printf '<%s:%s>' \$p $state{$_}" : ':') . ";;\n" } keys %state;
    command('dpkg-query', "shift 3\nfor p; do case \$p in\n$cases*) printf '<%s:installed>' \$p;; esac; done");
}

# Gives the status, what setup said, and the calls of apt-get.
sub setup {
    my (@args) = @_;
    unlink "$dir/calls";
    local $ENV{PATH} = "$dir/bin";
    my $said = `"$dir/tools/setup" @args 2>&1 </dev/null`;
    my $status = $? >> 8;
    open(my $fh, '<', "$dir/calls") or return ($status, $said, '');
    local $/;
    return ($status, $said, scalar <$fh>);
}

my $calls = "echo \"\$@\" >>$dir/calls";
command('apt-get', $calls);
command('apt-cache', 'exit 0');
command('systemctl', 'exit 0');
command('id', 'echo 0');

missing();
is_deeply([setup()], [0, '', ''], 'nothing is missing: silent');
is_deeply([setup('--test')], [0, '', ''], 'nothing is missing for the tests: silent');

missing('jq' => undef, 'valgrind' => 'not-installed', 'libuv1-dev' => 'config-files');
my ($status, $said, $apt) = setup('--test');
is($status, 0, 'installs for the tests');
like($apt, qr/^install .*--no-install-recommends libuv1-dev valgrind jq\n\z/, 'all that is missing, unknown or removed, and no update');
($status, $said, $apt) = setup();
like($apt, qr/^install .*--no-install-recommends libuv1-dev\n\z/, 'the demo gets no tools of the tests');

command('apt-cache', 'exit 100');
($status, $said, $apt) = setup();
like($apt, qr/^update .*\ninstall .* libuv1-dev\n\z/, 'without package lists: an update first');

command('apt-get', "$calls\necho 'dpkg: no space left'; exit 100");
($status, $said, $apt) = setup();
is($status, 1, 'apt-get fails: so does setup');
like($said, qr/apt-get install --no-install-recommends libuv1-dev$/m, 'and says what to type');

command('id', 'echo 1000');
command('sudo', 'exit 1');
($status, $said, $apt) = setup();
is($status, 1, 'neither root nor sudo: fails');
is($apt, '', 'without calling apt-get');
like($said, qr/^setup:   sudo apt-get install --no-install-recommends libuv1-dev$/m, 'and says what to type');

command('sudo', "echo sudo >>$dir/calls; shift; exec \"\$@\"");
command('true', 'exit 0');
command('apt-get', $calls);
command('apt-cache', 'exit 0');
($status, $said, $apt) = setup();
is($status, 0, 'with sudo: installs');
like($apt, qr/^sudo\ninstall .* libuv1-dev\n\z/m, 'through sudo');

command('apt-get', undef);
($status, $said) = setup();
is($status, 1, 'no apt-get and no libraries: fails');
like($said, qr/^setup:   gcc .*libuv1-dev.* mosquitto-clients$/m, 'and names the packages');
command('pkg-config', 'exit 0');
is((setup())[0], 0, 'no apt-get, but the libraries are there');

is((setup('--nonsense'))[0], 2, 'a wrong option is refused');
done_testing();
