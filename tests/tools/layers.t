#!/usr/bin/perl
# tools/layers itself: the real tree passes, and each kind of planted violation is found, with its place.
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Path qw(make_path);
use File::Temp qw(tempdir);
use Test::More;

my $layers = abs_path(dirname(__FILE__) . '/../../tools/layers');

# Runs the check on a tree of files made from NAME => text; gives its status and its output.
sub check {
    my (%files) = @_;
    my $dir = tempdir(CLEANUP => 1);
    make_path("$dir/core", "$dir/lua");
    while (my ($name, $text) = each %files) {
        make_path(dirname("$dir/$name"));
        open(my $fh, '>', "$dir/$name") or die "$dir/$name: $!";
        print $fh $text;
        close($fh) or die "$dir/$name: $!";
    }
    my $out = `"$layers" "$dir" 2>&1`;
    return ($? >> 8, $out);
}

sub found {
    my ($what, $message, %files) = @_;
    my ($status, $out) = check(%files);
    is($status, 1, "$what: refused");
    like($out, $message, "$what: named with its place");
    my @lines = split /\n/, $out;
    is(scalar @lines, 1, "$what: and nothing else") or diag($out);
}

sub allowed {
    my ($what, %files) = @_;
    my ($status, $out) = check(%files);
    is($status, 0, "$what: allowed") or diag($out);
}

is(system($layers), 0, 'the real tree passes');

allowed('down and sideways',
    'core/base/buf.h'    => '',
    'core/base/json.h'   => qq(#include "core/base/buf.h"\n),
    'core/base/json.c'   => qq(#include "core/base/json.h"\n#include <stdio.h>\n),
    'core/queue/queue.c' => qq(#include "core/base/json.h"\n),
    'core/agent/agent.c' => qq(#include "core/queue/queue.h"\n),
    'core/main.c'        => qq(#include "core/agent/agent.h"\n#include "lua/script.h"\n),
    'lua/script.c'       => qq(#include "core/base/json.h"\n#include <lua.h>\n#include "lua/script.h"\n),
    'core/link/mqtt_bridge.c' => qq(#include <MQTTAsync.h>\n));

found('up', qr{^core/base/buf\.c:2: includes core/queue/queue\.h, but core/queue comes after core/base$}m,
    'core/base/buf.c' => qq(\n#include "core/queue/queue.h"\n));
found('a header up', qr{^core/base/buf\.h:1: includes core/link/mqtt\.h, but core/link comes after core/base$}m,
    'core/base/buf.h' => qq(#  include "core/link/mqtt.h"\n));
found('up from lua/', qr{^lua/script\.c:1: includes core/agent/agent\.h, but core/agent comes after lua$}m,
    'lua/script.c' => qq(#include "core/agent/agent.h"\n));
found('the link from lua/', qr{^lua/push\.c:1: includes core/link/uplink\.h, but core/link comes after lua$}m,
    'lua/push.c' => qq(#include "core/link/uplink.h"\n));
found('the queue from lua/', qr{^lua/push\.c:1: lua/ must not include core/queue/segment\.h$}m,
    'lua/push.c' => qq(#include "core/queue/segment.h"\n));
found('a circle of two', qr{closes a circle: core/base/(buf -> core/base/json -> core/base/buf|json -> core/base/buf -> core/base/json)$}m,
    'core/base/buf.h' => qq(#include "core/base/json.h"\n), 'core/base/json.h' => qq(#include "core/base/buf.h"\n));
found('a circle through a source and a header', qr{circle}m,
    'core/base/buf.c'  => qq(#include "core/base/json.h"\n),
    'core/base/json.h' => qq(#include "core/base/log.h"\n),
    'core/base/log.h'  => qq(#include "core/base/buf.h"\n));
found('a circle inside lua/', qr{circle}m,
    'lua/a.h' => qq(#include "lua/b.h"\n), 'lua/b.c' => qq(#include "lua/a.h"\n));
found("Lua's headers in core/", qr{^core/base/json\.c:3: core/ must not include lauxlib\.h$}m,
    'core/base/json.c' => qq(\n\n#include <lauxlib.h>\n));
found("Lua's header in main.c", qr{^core/main\.c:1: core/ must not include lua5\.4/lua\.h$}m,
    'core/main.c' => qq(#include <lua5.4/lua.h>\n));
found('lua/ from core/', qr{^core/agent/agent\.c:1: core/ must not include lua/script\.h}m,
    'core/agent/agent.c' => qq(#include "lua/script.h"\n));
found('more than script.h from main.c', qr{^core/main\.c:1: core/ must not include lua/embed\.h}m,
    'core/main.c' => qq(#include "lua/embed.h"\n));
for my $name (qw(MQTTAsync.h MQTTClient.h)) {
    found("$name elsewhere in core/", qr{^core/link/uplink\.c:1: only core/link/mqtt_bridge\.c may include \Q$name\E$}m,
        'core/link/uplink.c' => qq(#include <$name>\n));
}
found('paho in the header of mqtt', qr{^core/link/mqtt\.h:1: only core/link/mqtt_bridge\.c may}m,
    'core/link/mqtt.h' => qq(#include <MQTTAsync.h>\n));
found('paho in lua/', qr{^lua/push\.c:1: only core/link/mqtt_bridge\.c may}m,
    'lua/push.c' => qq(#include <MQTTAsync.h>\n));
found('a folder without a place', qr{^core/stray/json\.c:1: no place is known for this file}m,
    'core/stray/json.c' => qq(#include <stdio.h>\n));
found('a file beside the folders', qr{^core/json\.c:1: no place is known for this file}m,
    'core/json.c' => qq(#include <stdio.h>\n));
found('an include that is not from the root', qr{^core/base/json\.c:1: write an include of ours from the root}m,
    'core/base/json.c' => qq(#include "buf.h"\n));
found('a way round it', qr{^core/base/json\.c:1: write an include of ours from the root}m,
    'core/base/json.c' => qq(#include "../queue/queue.h"\n));

done_testing();
