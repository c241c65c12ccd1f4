#!/usr/bin/perl
# neap status in all its forms: against its schema, for people, for Prometheus, for Nagios; with the link up and down.
use strict;
use warnings;
use NeapTest;
use Test::More;

my $root   = root_dir();
my $schema = decode(slurp("$root/docs/status.schema.json"));
my $manual = slurp("$root/docs/status.md");

# --- a small validator: what docs/status.schema.json uses of JSON schema; what it does not declare is a fault here ---

sub kind {
    my ($value) = @_;
    return 'null' if !defined $value;
    return 'object' if ref $value eq 'HASH';
    return 'array'  if ref $value eq 'ARRAY';
    return 'boolean' if JSON::PP::is_bool($value);
    # a number that was decoded has no text of its own until it is used as one
    return JSON::PP->new->allow_nonref->encode($value) =~ /^-?\d+$/ ? 'integer'
        : JSON::PP->new->allow_nonref->encode($value) =~ /^"/ ? 'string' : 'number';
}

sub faults {
    my ($value, $rule, $at) = @_;
    $rule = $schema->{definitions}{$1} if ($rule->{'$ref'} // '') =~ m{^#/definitions/(\w+)$};
    die "$at: no rule" if ref $rule ne 'HASH';
    my $kind = kind($value);
    my @faults;
    my $want = $rule->{type} // '';
    push(@faults, "$at: $kind instead of $want") if $want && $want ne $kind && !($want eq 'number' && $kind eq 'integer');
    push(@faults, "$at: \"$value\" is none of its values") if $rule->{enum} && !grep { $_ eq $value } @{ $rule->{enum} };
    push(@faults, "$at: $value is below $rule->{minimum}") if defined $rule->{minimum} && $value < $rule->{minimum};
    return @faults if @faults;
    if ($kind eq 'object') {
        push(@faults, map { "$at: $_ is missing" } grep { !exists $value->{$_} } @{ $rule->{required} // [] });
        for my $key (sort keys %$value) {
            my $inner = $rule->{properties}{$key};
            push(@faults, $inner ? faults($value->{$key}, $inner, "$at.$key") : "$at.$key is not in the schema");
        }
    } elsif ($kind eq 'array') {
        push(@faults, map { faults($value->[$_], $rule->{items}, "$at\[$_]") } 0 .. $#$value);
    }
    return @faults;
}

sub valid {
    my ($status, $what) = @_;
    return is(join("\n", faults($status, $schema, 'status')), '', "$what: as the schema says");
}

my $sample = { version => 1 };
cmp_ok(scalar(my @all = faults($sample, $schema, 'x')), '>', 10, 'the validator finds what is wrong');

my %names;
sub names_of {
    my ($rule) = @_;
    for my $key (keys %{ $rule->{properties} // {} }) { $names{$key} = 1; names_of($rule->{properties}{$key}) }
    return;
}
names_of($_) for $schema, values %{ $schema->{definitions} };
is(join(' ', grep { $manual !~ /`$_`/ } sort keys %names), '', 'docs/status.md tells of each member of the schema');

# --- without an agent ---

my $broker = start_broker(users => { 'GW-1' => 'secret' });
my $relay  = start_relay($broker);
my $config = write_config($broker, port => $relay->port, more => "agent: { asset: neap }\nparams: { health: { asset: gw, every: 10 } }\n",
    scripts => { 'health.lua' => slurp("$root/scripts/health.lua"), 'm.lua' => <<'END' });
policy("small", { flush = "1s", limit = "64KB" })
local m = asset("m")
m:variable("a", { type = "int", policy = "small" })
m:variable("good", { every = "1s", read = function() return 1 end })
m:variable("sick", { every = "1s", read = function() error("no reading today") end })
m:command("fill", { run = function() for i = 1, 4000 do m:push("a", i) end end })
every("1s", "tick", function() error("a handler's fault") end)
END
my $dir = $config =~ s{/[^/]*$}{}r;
my @c   = ('-c', $config);

sub check { my ($status, $out, $err) = run_neap('status', '--check', @c); return ($status, $out . $err) }

my ($code, $text) = check();
is($code, 2, '--check without an agent: critical');
like($text, qr/^NEAP CRITICAL - no agent is running here: .*\n\z/, 'and why, on one line');
is((run_neap('status', '--check', '-c', '/nosuch.yaml'))[0], 3, '--check without a configuration: unknown');

# --- with one ---

my $neap = start_neap($config);
$neap->wait_state('connected');
my $status = wait_for(
    sub {
        my $s = $neap->status or return;
        my ($m) = grep { $_->{name} eq 'm' } @{ $s->{scripts} };
        return $m->{errors} > 0 && @{ $m->{bad} } && $s->{usage}{start}{out} > 0 && $s;
    },
    20, 'errors, a bad sensor, and traffic');
valid($status, 'connected');
my ($m) = grep { $_->{name} eq 'm' } @{ $status->{scripts} };
like($m->{last_error}, qr/m\.lua:7: a handler's fault/, 'the last error of a handler');
is("@{ $m->{bad} }", 'm.sick', 'the sensor that is bad');
cmp_ok($status->{usage}{day}{out}, '>=', $status->{usage}{start}{out}, 'this day has what the process sent');
cmp_ok($status->{link}{tcp_in}, '>', 4, 'bytes came');
cmp_ok($status->{process}{memory}, '>', 1e6, 'memory');

($code, $text) = check();
is($code, 1, '--check with a bad sensor: warning');
like($text, qr/^NEAP WARNING - m\.sick: its read fails \| waiting=\d+ sent=\d+ bytes=\d+\n\z/, 'and which');

my $screen = (run_neap('status', @c))[1];
like($screen, qr/^link    connected for \S+, tcp:/m, 'for people: the link');
like($screen, qr/^clock   \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$/m, 'the clock');
like($screen, qr/^bytes   since the start +\S+ \S+ sent +\S+ \S+ received +\S+( \S+)? to flash$/m, 'bytes');
like($screen, qr/^        this month /m, 'and of the month');
like($screen, qr/^tasks   0 done/m, 'tasks');
like($screen, qr/^script  m: \d+ KB of 4096, CPU \S+, slowest slice \S+\n        \d+ errors, the last \S+ ago: .*fault\n        reads that fail: m\.sick$/m, 'scripts');
like($screen, qr/^policy +waiting in flight +oldest +bytes +sent +lost +next flush$/m, 'policies');
is(join("\n", grep { length > 80 && !/ last / } split /\n/, $screen), '', 'no line is wider than 80 columns, but for errors');

# --- Prometheus: the text format, version 0.0.4 ---

sub prometheus {
    my ($out) = @_;
    my (%type, %seen, %value, @faults, $current);
    push(@faults, 'it does not end with a newline') if $out !~ /\n\z/;
    for my $line (split /\n/, $out) {
        if ($line =~ /^# HELP ([a-zA-Z_:][a-zA-Z0-9_:]*) \S.*$/) {
            push(@faults, "$1: HELP comes twice") if $type{$1};
            $current = $1;
        } elsif ($line =~ /^# TYPE (\S+) (counter|gauge)$/) {
            push(@faults, "$1: TYPE without its HELP") if $1 ne ($current // '');
            $type{$1} = $2;
            push(@faults, "$1: a counter's name ends with _total") if ($2 eq 'counter') != ($1 =~ /_total$/);
        } elsif ($line =~ /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\["\\n])*",?)+)\})? (-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)$/) {
            push(@faults, "$1: its lines are not together") if $1 ne ($current // '') || !$type{$1};
            push(@faults, "$line: comes twice") if $seen{ $1 . '{' . ($2 // '') }++;
            push(@faults, "$line: a counter below 0") if $3 < 0 && ($type{$1} // '') eq 'counter';
            $value{ $1 . ($2 ? "{$2}" : '') } = $3;
        } else {
            push(@faults, "not of the format: $line");
        }
    }
    return (join("\n", @faults), \%value);
}

isnt((prometheus("# TYPE x counter\nx 1\nx{a=b} 2\ny"))[0], '', 'the check of the format finds what is wrong');
my ($faults, $metric) = prometheus((run_neap('status', '--prometheus', @c))[1]);
is($faults, '', '--prometheus: the text format');
is($metric->{neap_link_up}, 1, 'the link is up');
is($metric->{'neap_script_sensors_bad{script="m"}'}, 1, 'a bad sensor');
cmp_ok($metric->{'neap_script_errors_total{script="m"}'}, '>', 0, 'errors');
cmp_ok($metric->{neap_link_tcp_bytes_sent_total}, '>', 0, 'bytes');
ok(exists $metric->{'neap_samples_waiting{policy="default"}'}, 'policies');

# --- --watch ---

my $watch = start_program({ name => 'watch', run => 1 }, $ENV{NEAP_BIN} // "$root/build/rel/neap", 'status', '--watch', '--json', @c);
wait_for(sub { (() = $watch->log =~ /^\{"version".*\}$/mg) >= 3 }, 30, 'three times');
my ($first, $second) = map { decode($_) } $watch->log =~ /^(\{"version".*\})$/mg;
cmp_ok($second->{uptime_s}, '>', $first->{uptime_s} + 0.5, '--watch --json: a line each second');
$watch->signal('INT')->wait_end;
unlike($watch->log, qr/\e/, 'without a terminal it clears nothing');

# --- the link down, losses ---

$relay->command('refuse');
$relay->command('cut');
wait_for(sub { my $s = $neap->status; $s && $s->{link}{state} eq 'waiting' }, 30, 'the link to be down');
is((run_neap('task', @c, 'command', 'm.fill'))[0], 0, 'more than the queue takes');
$status = wait_for(sub { my $s = $neap->status; $s && $s->{link}{state} eq 'waiting' && $s }, 30, 'waiting');
valid($status, 'waiting, with losses');
my ($small) = grep { $_->{name} eq 'small' } @{ $status->{policies} };
cmp_ok($small->{lost}{drop_oldest}, '>', 0, 'samples were lost');
ok($small->{oldest_wall_ms} > 1.7e12, 'the oldest');
($code, $text) = check();
is($code, 2, '--check without the link: critical');
like($text, qr/^NEAP CRITICAL - (?:waiting|connecting): /, 'and why');
($faults, $metric) = prometheus((run_neap('status', '--prometheus', @c))[1]);
is($faults, '', '--prometheus with losses');
is($metric->{neap_link_up}, 0, 'the link is down');
is($metric->{'neap_samples_lost_total{policy="small",reason="drop_oldest"}'}, $small->{lost}{drop_oldest}, 'losses');
wait_for(sub { (run_neap('status', @c))[1] =~ /^link    waiting for \S+, tcp:\S+, next try in \S+, went down \d+ times?\n        last failure: \S/m },
    30, 'for people: next try and last failure');
pass('for people: next try and last failure');
like((run_neap('status', @c))[1], qr/^        small lost \d+: drop_oldest$/m, 'for people: what was lost');

# --- the month's bytes over a restart; neap's own health as variables ---

my $sub = subscribe($broker, topic => 'GW-1/messages/json');
$relay->command('accept');
$neap->wait_state('connected');
my $before = $neap->status->{usage}{month}{out};
is((run_neap('task', @c, 'read', map { "gw.$_" } qw(link.losses queue.lost sensors.bad scripts.errors bytes.sent.month memory)))[0], 0,
    'scripts/health.lua: read by a task');
my $all = wait_for(sub { join('', $sub->payloads) =~ /gw\.bytes\.sent\.month/ && join("\n", $sub->payloads) }, 30, 'its variables at the broker');
my ($lost) = $all =~ /"gw\.queue\.lost":\[\{"timestamp":\d+,"value":"(\d+)"/;
is($lost, $small->{lost}{drop_oldest}, 'the losses at the server are those of the status');
like($all, qr/"gw\.sensors\.bad":\[\{"timestamp":\d+,"value":"1"/, 'the bad sensor');
is($neap->stop, 0, 'a clean stop');
$neap->again->wait_state('connected');
$status = $neap->status;
cmp_ok($status->{usage}{month}{out}, '>=', $before, 'the month goes on over a restart');
cmp_ok($status->{usage}{start}{out}, '<', $status->{usage}{month}{out}, 'the count since the start begins anew');
spew("$dir/scripts/m.lua", "x = = 1\n");
$neap->stop;
$neap->again->wait_state('connected');
valid($neap->status, 'a script that does not load');
($code, $text) = check();
is($code, 2, '--check with a script that does not load: critical');
spew("$dir/scripts/m.lua", qq{asset("m"):variable("good", { every = "1s", read = function() return 1 end })\n});
is((run_neap('reload', @c))[0], 0, 'it is mended');
($code, $text) = check();
is($code, 0, '--check: all is well');
like($text, qr/^NEAP OK - connected, all sensors good \| waiting=\d+ sent=\d+ bytes=\d+\n\z/, 'and says so');
$neap->stop;

# --- a clock that is not set ---

my $late = start_neap(write_config($broker, more => "clock: { trust: sync }\n"));
$status = $late->wait_state('connected');
SKIP: {
    skip('the kernel says that its clock is synchronised', 3) if $status->{clock}{set};
    valid($status, 'the clock is not set');
    ok(!exists $status->{usage}{day}, 'no day is known');
    like((run_neap('status', '-c', $late->{config}))[1], qr/^clock   not set yet \(clock\.trust: sync; it shows /m, 'for people');
}
$late->stop;

done_testing();
