#!/usr/bin/perl
# What is installed where: make install, the systemd unit, and OpenWrt's package, with stand-ins for its build system.
use strict;
use warnings;
use Cwd qw(getcwd);
use NeapTest;
use Test::More;

my $root = getcwd();
my $neap = $ENV{NEAP_BIN} // "$root/build/rel/neap";
my $at   = temp_dir();

# --- make install ---

# A make that runs the tests has a job server, which these makes are no part of.
delete @ENV{qw(MAKEFLAGS MFLAGS MAKELEVEL)};
# neap itself is built already, perhaps with other flags: `all` is up to date
my @make = ('make', '-s', '-o', 'all', '-o', "$root/build/rel/neap", "B=" . ($ENV{NEAP_BUILD} // "$root/build/rel"));
my ($status, $out, $err) = run_command(@make, 'install', "DESTDIR=$at/stage", 'PREFIX=/usr');
is($status, 0, 'make install') or diag($err);
for my $file (qw(bin/neap share/neap/scripts/system.lua share/neap/scripts/health.lua share/neap/examples/machine.lua
    share/man/man1/neap.1 share/man/man5/neap.yaml.5 share/man/man7/neap-lua.7 lib/systemd/system/neap.service)) {
    ok(-f "$at/stage/usr/$file", "/usr/$file");
}
like((run_command("$at/stage/usr/bin/neap", '--version'))[1], qr/^neap \d/, 'it runs');
like(slurp("$at/stage/usr/lib/systemd/system/neap.service"), qr{^ExecStart=/usr/bin/neap run$}m, 'the unit names it');
unlike(slurp("$at/stage/usr/lib/systemd/system/neap.service"), qr/@/, 'nothing is left to fill in');
SKIP: {
    skip('no systemd-analyze', 1) if !grep { -x "$_/systemd-analyze" } split /:/, $ENV{PATH};
    is((run_command(@make, 'install', "PREFIX=$at/here"))[0], 0, 'make install into another PREFIX');
    ($status, $out, $err) = run_command('systemd-analyze', 'verify', '--man=no', "$at/here/lib/systemd/system/neap.service");
    is($out . join('', grep { /neap/ } split(/^/, $err)), '', 'systemd-analyze verify finds no fault');
}
is((run_command(@make, 'uninstall', "DESTDIR=$at/stage2", 'PREFIX=/usr'))[0], 0, 'make uninstall of what is not there');

# --- OpenWrt's package ---

# rules.mk and package.mk give the variables that OpenWrt's do, as far as the package names them.
mkdir("$at/include");
spew("$at/rules.mk", <<'END');
INCLUDE_DIR = $(TOPDIR)/include
INSTALL_DIR = install -d -m0755
INSTALL_BIN = install -m0755
INSTALL_DATA = install -m0644
INSTALL_CONF = install -m0600
CP = cp -fpR
STAGING_DIR = $(TOPDIR)/staging
TARGET_CC = cc
TARGET_AR = ar
TARGET_CFLAGS = -Os
PKG_CONFIG = pkg-config
END
spew("$at/include/package.mk", <<'END');
PKG_BUILD_DIR = $(TOPDIR)/build/$(PKG_NAME)-$(PKG_VERSION)
PKG_INSTALL_DIR = $(TOPDIR)/stage
define BuildPackage
$(eval $(Package/$(1)))
prepare:
	$$(call Build/Prepare)
install:
	$$(call Package/$(1)/install,$$(TOPDIR)/package)
tell:
	@echo 'version $(PKG_VERSION)'
	@echo 'title $(TITLE)'
	@echo 'depends $(DEPENDS)'
	@echo 'flags $(NEAP_MAKE_FLAGS)'
	@echo 'url $(PKG_SOURCE_URL)'
	@echo 'hash $(PKG_HASH)'
	@echo 'options $(CMAKE_OPTIONS)'
endef
END
spew("$at/include/cmake.mk", "\n");

sub openwrt {
    my ($package, @target) = @_;
    return run_command('make', '-s', '-C', "$root/openwrt/$package", "TOPDIR=$at", @target);
}

($status, $out, $err) = openwrt('neap', 'tell');
is("$status$err", '0', 'the package can be read');
my ($version) = slurp("$root/Makefile") =~ /^VERSION += (\S+)/m;
like($out, qr/^version \Q$version\E$/m, 'its version is neap\'s');
like($out, qr/\+libpaho-mqtt-c .*\+ca-bundle/, 'its dependencies');
($status, $out, $err) = openwrt('neap', 'prepare');
is("$status$err", '0', 'the source is copied');
($status, $out, $err) = run_command('make', '-n', '-C', "$at/build/neap-$version", 'PREFIX=/usr', 'CC=cc', 'AR=ar', 'all', 'install',
    "DESTDIR=$at/none");
is($status, 0, 'what is copied is enough to build and to install') or diag($err);
like($out, qr/core\/main\.c/, 'main.c is compiled');
($status, $out, $err) = openwrt('neap', 'install');
is("$status$err", '0', 'the package is put together');
my @files = sort split /\n/, (run_command('sh', '-c', "cd $at/package && find . -type f"))[1];
is(join(' ', grep { !m{/share/neap/scripts/} } @files), './etc/hotplug.d/ntp/60-neap ./etc/init.d/neap ./etc/neap/neap.yaml ./usr/bin/neap',
    'what is in it');
ok((-x "$at/package/etc/init.d/neap"), 'the init script can be run');
is((stat "$at/package/etc/neap/neap.yaml")[2] & 0777, 0600, 'nobody else reads the configuration');

($status, $out, $err) = openwrt('paho-mqtt-c', 'tell');
is("$status$err", '0', 'paho-mqtt-c can be read');
like($out, qr/^hash [0-9a-f]{64}$/m, 'with a hash');
unlike($out, qr/HIGH_PERFORMANCE/, 'and its tracing');

# --- its configuration and its scripts, with the folders beside them ---

my $yaml = slurp("$root/openwrt/neap/files/neap.yaml");
spew("$at/neap.yaml", $yaml);
like((run_neap('check', '-c', "$at/neap.yaml"))[2], qr/^\Q$at\E\/neap\.yaml:\d+:\d+: device\.serial: missing[^\n]*\n\z/, 'only the serial is missing');

# rc.common and procd, as far as the script names them
spew("$at/rc", <<'END');
procd_open_instance() { echo open; }
procd_close_instance() { echo close; }
procd_set_param() { echo "$*"; }
logger() { sed 's/^/logged: /'; }
. "$1"
shift
"$@"
END
my $init = slurp("$root/openwrt/neap/files/neap.init") =~ s{/usr/bin/neap}{$neap}gr =~ s{/etc/neap/neap\.yaml}{$at/neap.yaml}r;
spew("$at/init", $init);
($status, $out, $err) = run_command('sh', "$at/rc", "$at/init", 'start_service');
is($status, 1, 'without a serial the service does not start');
like($out, qr/^logged: \S+neap\.yaml:\d+:\d+: device\.serial: missing/, 'and says why in the log');
spew("$at/neap.yaml", $yaml =~ s/serial: +#.*/serial: GW-1/r =~ s{/etc/neap}{$at/etc}gr =~ s{/var/lib/neap}{$at/var}gr);
append("$at/neap.yaml", "state: { dir: $at/state }\ncontrol: { socket: $at/neap.sock }\n");
mkdir("$at/etc");
mkdir("$at/etc/scripts");
is((run_neap('check', '-c', "$at/neap.yaml"))[0], 0, 'with one the configuration is right');
spew("$at/etc/scripts/bad.lua", 'x = = 1');
($status, $out, $err) = run_command('sh', "$at/rc", "$at/init", 'start_service');
is($out, "open\ncommand $neap run -c $at/neap.yaml\nrespawn 3600 5 0\nstderr 1\nterm_timeout 10\nclose\n", 'it starts, also with a broken script');

# ntpd's event reaches the agent
my $agent = start_neap("$at/neap.yaml");
$agent->wait_log(qr/runs as/);
my $hotplug = slurp("$root/openwrt/neap/files/neap.hotplug") =~ s{/usr/bin/neap}{$neap -c $at/neap.yaml}r =~ s{neap -c (\S+) clock set}{neap clock set -c $1}r;
spew("$at/hotplug", $hotplug);
local $ENV{ACTION} = 'step';
is((run_command('sh', "$at/hotplug"))[0], 0, 'another event of ntpd');
SKIP: {
    skip('the kernel says that its clock is synchronised', 1) if $agent->status->{clock}{set};
    ok(!$agent->status->{clock}{set}, 'is none');
}
$ENV{ACTION} = 'stratum';
is((run_command('sh', "$at/hotplug"))[0], 0, 'stratum');
ok($agent->status->{clock}{set}, 'sets the clock');
is($agent->stop, 0, 'a clean stop');
is((run_command('sh', "$at/hotplug"))[0], 0, 'and without an agent it is no error');

sub append {
    my ($file, $text) = @_;
    return spew($file, slurp($file) . $text);
}

done_testing();
