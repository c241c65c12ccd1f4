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
    'core/buf.h'   => '',
    'core/json.h'  => qq(#include "core/buf.h"\n),
    'core/json.c'  => qq(#include "core/json.h"\n#include <stdio.h>\n),
    'core/queue.c' => qq(#include "core/json.h"\n),
    'core/agent.c' => qq(#include "core/queue.h"\n),
    'core/main.c'  => qq(#include "core/agent.h"\n#include "lua/script.h"\n),
    'lua/script.c' => qq(#include "core/json.h"\n#include <lua.h>\n#include "lua/script.h"\n),
    'core/mqtt_bridge.c' => qq(#include <MQTTAsync.h>\n));

found('up', qr{^core/buf\.c:2: includes core/queue\.h of layer 2, above its own layer 1$}m,
    'core/buf.c' => qq(\n#include "core/queue.h"\n));
found('a header up', qr{^core/buf\.h:1: includes core/mqtt\.h of layer 3}m,
    'core/buf.h' => qq(#  include "core/mqtt.h"\n));
found('up to programs from lua/', qr{^lua/script\.c:1: includes core/agent\.h of layer 5, above its own layer 4$}m,
    'lua/script.c' => qq(#include "core/agent.h"\n));
found('a circle of two', qr{^core/\w+\.h:1: .*closes a circle: core/(buf -> core/json -> core/buf|json -> core/buf -> core/json)$}m,
    'core/buf.h' => qq(#include "core/json.h"\n), 'core/json.h' => qq(#include "core/buf.h"\n));
found('a circle through a source and a header', qr{circle}m,
    'core/buf.c'  => qq(#include "core/json.h"\n),
    'core/json.h' => qq(#include "core/log.h"\n),
    'core/log.h'  => qq(#include "core/buf.h"\n));
found('a circle inside lua/', qr{circle}m,
    'lua/a.h' => qq(#include "lua/b.h"\n), 'lua/b.c' => qq(#include "lua/a.h"\n));
found("Lua's headers in core/", qr{^core/json\.c:3: core/ must not include lauxlib\.h$}m,
    'core/json.c' => qq(\n\n#include <lauxlib.h>\n));
found("Lua's header in main.c", qr{^core/main\.c:1: core/ must not include lua5\.4/lua\.h$}m,
    'core/main.c' => qq(#include <lua5.4/lua.h>\n));
found('lua/ from core/', qr{^core/agent\.c:1: core/ must not include lua/script\.h}m,
    'core/agent.c' => qq(#include "lua/script.h"\n));
found('more than script.h from main.c', qr{^core/main\.c:1: core/ must not include lua/embed\.h}m,
    'core/main.c' => qq(#include "lua/embed.h"\n));
for my $name (qw(mqtt uplink queue segment)) {
    found("$name from lua/", qr{^lua/push\.c:1: lua/ must not include core/$name\.h$}m,
        'lua/push.c' => qq(#include "core/$name.h"\n));
}
for my $name (qw(MQTTAsync.h MQTTClient.h)) {
    found("$name elsewhere in core/", qr{^core/uplink\.c:1: only core/mqtt_bridge\.c may include \Q$name\E$}m,
        'core/uplink.c' => qq(#include <$name>\n));
}
found('paho in the header of mqtt', qr{^core/mqtt\.h:1: only core/mqtt_bridge\.c may}m,
    'core/mqtt.h' => qq(#include "MQTTAsync.h"\n) =~ s/"/</r =~ s/"/>/r);
found('paho in lua/', qr{^lua/push\.c:1: only core/mqtt_bridge\.c may}m,
    'lua/push.c' => qq(#include <MQTTAsync.h>\n));
found('a file without a layer', qr{^core/unheard_of\.c:1: .* add unheard_of to the table in tools/layers$}m,
    'core/unheard_of.c' => qq(#include <stdio.h>\n));
found('an include that is not from the root', qr{^core/json\.c:1: write an include of ours from the root}m,
    'core/json.c' => qq(#include "buf.h"\n));
found('a way round it', qr{^core/json\.c:1: write an include of ours from the root}m,
    'core/json.c' => qq(#include "../core/queue.h"\n));

done_testing();
