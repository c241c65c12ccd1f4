#!/usr/bin/perl
# The main job: what scripts push is what a plain subscriber sees, as the tutorial writes it: nothing missing, nothing
# twice, nothing else.
use strict;
use warnings;
use NeapData;
use NeapTest;
use Test::More;

my $DATA = '+/messages/json';

# 1. The body of the tutorial, but for the spaces between its tokens.
subtest 'the body of the tutorial' => sub {
    my $broker = start_broker(users => { 'GW-1' => 'secret' });
    my $sub    = subscribe($broker, topic => $DATA);
    my $neap   = start_neap(write_config($broker, scripts => { 'machine.lua' => <<'END' }));
policy("report", { flush = "200ms" })
local machine = asset("machine")
machine:variable("temperature", { policy = "report" })
machine:variable("threshold", { policy = "report", type = "int" })
on("connected", function()
	machine:push("temperature", 23.2, { time = 1349907137 })
	machine:push("temperature", 24.5, { time = 1349908137 })
	machine:push("temperature", 22.9, { time = 1349909137 })
	machine:push("threshold", 30, { time = 1349907137 })
end)
END
    wait_for(sub { $sub->messages >= 1 }, 20, 'the message');
    is($neap->stop, 0, 'a clean stop');
    my @messages = $sub->messages;
    is(scalar(@messages), 1, 'one message');
    is($messages[0]{topic}, 'GW-1/messages/json', 'on the topic of the device');
    is($messages[0]{qos}, 1, 'at QoS 1');
    is($messages[0]{retained}, 0, 'not retained');
    is($messages[0]{payload}, <<'END' =~ s/\s//gr, 'byte for byte');
[
  {
    "machine.temperature": [{
      "timestamp" : 1349907137,
      "value" : "23.2"
    },
    {
      "timestamp" : 1349908137,
      "value" : "24.5"
    },
    {
      "timestamp" : 1349909137,
      "value" : "22.9"
    }]
  },
  {
    "machine.threshold": [{
      "timestamp" : 1349907137,
      "value" : "30"
    }]
  }
]
END
};

# 2. Three scripts, five ways to push, until each has pushed its last number.
subtest 'numbered samples' => sub {
    my $broker = start_broker(users => { 'GW-1' => 'secret' });
    my $sub    = subscribe($broker, topic => $DATA);
    my $start  = time;
    my $neap   = start_neap(write_config($broker, scripts => { 'sensors.lua' => <<'ONE', 'events.lua' => <<'TWO', 'slow.lua' => <<'THREE' }));
policy("quick", { flush = "50ms", max_samples = 7 })
local a = asset("a", { label = "Sensors" })
local n, g = 0, 0
a:variable("read", { type = "int", every = "5ms", policy = "quick", read = function()
	n = n + 1
	if n > 200 then error("enough") end
	return n
end })
a:group({ every = "7ms", policy = "quick", variables = { x = { type = "int" }, y = { type = "int" } },
	read = function()
		g = g + 1
		if g > 150 then error("enough") end
		return { x = g, y = 1000 + g }
	end })
ONE
policy("now", { flush = "now" })
local b = asset("b")
b:variable("one", { type = "int", policy = "now" })
b:variable("list", { type = "int" })
local n = 0
every("3ms", "pusher", function()
	n = n + 1
	if n <= 100 then b:push("one", n) end
	if n <= 20 then b:push({ { "list", 3 * n - 2 }, { "list", 3 * n - 1 }, { "list", 3 * n } }) end
end)
TWO
local c = asset("c")
c:variable("late", { type = "int" })
on("start", function()
	for i = 1, 50 do
		sleep("2ms")
		c:push("late", i)
	end
end)
THREE
    my %count = ('a.read' => 200, 'a.x' => 150, 'a.y' => 150, 'b.one' => 100, 'b.list' => 60, 'c.late' => 50);
    my $all = 0;
    $all += $_ for values %count;
    # the policy "default" sends after 30 s, or at the stop: the stop is to flush
    my $quick = sub { return grep { $_->{path} =~ /^(a\.|b\.one$)/ } samples($sub->payloads) };
    wait_for(sub { $quick->() >= 600 }, 60, '600 samples');
    wait_for(sub { my $s = $neap->status; my ($d) = grep { $_->{name} eq 'default' } @{ $s->{policies} }; $d->{accepted} == 110 },
        60, 'the other scripts');
    is($neap->stop, 0, 'a clean stop');
    my @samples = samples($sub->payloads);
    is(scalar(@samples), $all, "$all samples, no more");
    my ($jq, $count) = run_command(\join("\n", $sub->payloads), 'jq', '-s', 'map(map(.[]|length)|add)|add');
    is("$jq $count", "0 $all\n", 'jq reads the same');
    for my $path (sort keys %count) {
        my @values = values_of($path, $sub->payloads);
        @values = map { $_ - 1000 } @values if $path eq 'a.y';
        is("@values", join(' ', 1 .. $count{$path}), "$path: all $count{$path}, in order, none twice");
    }
    is(scalar(grep { $_->{timestamp} < $start || $_->{timestamp} > time } @samples), 0, 'all have the time they were taken');
    my %sum;
    for my $body ($sub->payloads) {
        my @of = samples($body);
        $sum{long}++ if $of[0]{path} =~ /^a\./ && @of > 7;
        $sum{small}++ if $of[0]{path} eq 'b.one';
    }
    ok(!$sum{long}, 'no message has more than max_samples of its policy');
    ok($sum{small} > 10, 'a policy that sends at once does');
    like($neap->log, qr/warn script\.sensors: a\.read: bad: sensors\.lua:6: enough\n/, 'the error of a sensor is logged');
};

# 3. Each type as text.
subtest 'values' => sub {
    my $broker = start_broker();
    my $sub    = subscribe($broker, topic => $DATA);
    my $script = <<'END';
policy("now", { flush = "now" })
local v = asset("v")
for _, type in ipairs { "int", "double", "string", "boolean", "date", "binary" } do
	v:variable(type, { type = type, policy = "now" })
end
local function push(...)
	local ok, why = pcall(v.push, v, ...)
	if not ok then log.info("refused:", why) end
end
on("connected", function()
	for _, n in ipairs { 0, -1, 2147483647, -2147483648, 2147483648, 1.5 } do push("int", n) end
	for _, n in ipairs { 23.2, 1e300, 0.1, -0.5, 100, 1 / 3, 2 ^ 53, 5e-324, 0 / 0, 1 / 0, -1 / 0 } do push("double", n) end
	for _, s in ipairs { "", 'say "hé"\\\n\t\1/', "\xff" } do push("string", s) end
	push("boolean", true)
	push("boolean", false)
	push("boolean", 1)
	push("date", 1349907137.123)
	push("binary", "\0\1\xff")
	push("nosuch", 1)
	push("int", "12", { tome = 1 })
	push("boolean", true)
end)
END
    my $neap = start_neap(write_config($broker, scripts => { 'v.lua' => $script }));
    wait_for(sub { values_of('v.boolean', $sub->payloads) >= 3 }, 20, 'the last sample');
    is($neap->stop, 0, 'a clean stop');
    my @samples = samples($sub->payloads);
    my $values = sub {
        my ($path) = @_;
        return [ map { $_->{value} } grep { $_->{path} eq "v.$path" } @samples ];
    };
    is_deeply($values->('int'), [qw(0 -1 2147483647 -2147483648)], 'int');
    is_deeply($values->('double'), [qw(23.2 1e+300 0.1 -0.5 100 0.3333333333333333 9007199254740992 5e-324)], 'double: the shortest text that reads back the same');
    is_deeply($values->('string'), [ '', "say \"h\xc3\xa9\"\\\n\t\1/" ], 'string');
    is_deeply($values->('boolean'), [qw(true false true)], 'boolean');
    is_deeply($values->('date'), ['1349907137123'], 'date');
    is_deeply($values->('binary'), ['AAH/'], 'binary');
    my @refused = $neap->log =~ /refused: (v\.lua:\d+: .*)/g;
    is(join('', map { "$_\n" } @refused), <<'END', 'what is refused is said with its path');
v.lua:7: v.int: 2147483648 does not fit an int (-2147483648 to 2147483647)
v.lua:7: v.int: 1.5 is not a whole number, as an int must be
v.lua:7: v.double: NaN is not a finite number
v.lua:7: v.double: infinity is not a finite number
v.lua:7: v.string: a string must be UTF-8, and is not at byte 0; declare it binary
v.lua:7: v.boolean: 1 is not a boolean
v.lua:7: v.nosuch is not declared as a variable here
v.lua:7: asset v:push: there is no field "tome" (did you mean "time"?)
END
};

done_testing();
