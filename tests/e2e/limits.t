#!/usr/bin/perl
# The nastiest scripts we know beside one that beats every 100 ms: each is ended by its budget, and nothing else suffers.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use NeapTest;
use Test::More;

plan(skip_all => 'ThreadSanitizer keeps signals back until a system call: an endless loop would never see one')
    if ($ENV{NEAP_BIN} // '') =~ /tsan/;

# What can be made to yield: endless, and every way to catch the end of it.
my %endless = (
    loop  => 'while true do end',
    pcall => 'while true do pcall(function() while true do end end) end',
    try   => 'while true do try(function() while true do end end) end',
    xpcall => 'while true do xpcall(function() while true do end end, function() while true do end end) end',
    close => 'local x <close> = setmetatable({}, { __close = function() while true do end end }) while true do end',
    wrap  => 'local f = coroutine.wrap(function() while true do end end) while true do pcall(f) end',
    resume => 'local function f() while true do coroutine.resume(coroutine.create(f)) end end f()',
    nested => 'local function deep() local co = coroutine.create(function() '
        . 'local x <close> = setmetatable({}, { __close = function() while true do end end }) deep() end) '
        . 'while true do if not coroutine.resume(co) then co = coroutine.create(function() while true do end end) end end end deep()',
    meta   => 'local t = setmetatable({}, { __index = function(t, k) return t[k .. "x"] end }) while true do pcall(function() return t.x end) end',
    counted => 'local n = 0 while true do local ok = pcall(function() for i = 1, 1e9 do n = n + i end end) end',
);

# What cannot: it may cost one budget, once.
my %stubborn = (
    sort  => 'table.sort({ 1, 2, 3, 4, 5, 6 }, function() while true do end end)',
    gsub  => '("x"):gsub("x", function() while true do pcall(error) end end)',
    handler => 'while true do xpcall(error, function() while true do end end) end',
    text  => 'error(setmetatable({}, { __tostring = function() while true do end end }))',
);

my $beat = <<'LUA';
local last, worst = nil, 0
local m = asset("beat")
m:variable("n", { type = "int", every = "100ms", read = function()
	local t = uptime()
	if last then worst = math.max(worst, t - last - 0.1) end
	last = t
	return 1
end })
m:variable("worst", { type = "double", read = function() return worst end })
m:variable("memory", { type = "int", read = function() return 1 end })
LUA

sub script { return qq{on("start", function() $_[0] end)\n} }

sub run_scripts {
    my (%scripts) = @_;
    my $broker = start_broker();
    my $sub    = subscribe($broker, topic => '+/messages/json');
    my $neap   = start_neap(write_config($broker, scripts => { 'beat.lua' => $beat, %scripts }));
    return ($broker, $sub, $neap);
}

sub hits {
    my ($neap) = @_;
    my $status = $neap->status or return {};
    return { map { $_->{name} => $_ } @{ $status->{scripts} } };
}

{
    my ($broker, $sub, $neap) = run_scripts(map { ("$_.lua" => script($endless{$_})) } keys %endless);
    $neap->wait_state('connected');
    pass('the link comes up beside ten endless handlers');
    wait_for(sub { my $all = hits($neap); !grep { !$all->{$_}{limit_hits} } keys %endless }, 200, 'all are ended');
    my $all = hits($neap);
    for my $name (sort keys %endless) {
        is($all->{$name}{limit_hits}, 1, "$name: ended, once");
        like($neap->log, qr/script\.$name: .*$name\.lua:1: ended: it took more than its budget of 1s/, "$name: said");
    }
    my $broker_task = '[{"uid":"u1","read":["beat.worst"]}]';
    publish($broker, 'GW-1/tasks/json', $broker_task);
    my $worst;
    wait_for(sub { ($worst) = map { /"beat\.worst":\[\{[^}]*"value":"([\d.e-]+)"/ } $sub->payloads; defined $worst }, 20, 'the worst beat');
    diag(sprintf 'the worst of the beats beside ten endless handlers was %.1f ms late', $worst * 1000);
    ok($worst < 0.5 * slow(), 'no beat waits for anybody\'s budget');
    is($neap->stop, 0, 'a clean stop');
}

{
    my ($broker, $sub, $neap) = run_scripts(map { ("$_.lua" => script($stubborn{$_})) } keys %stubborn);
    wait_for(sub { my $all = hits($neap); !grep { !$all->{$_}{limit_hits} } keys %stubborn }, 200, 'all are ended');
    my $all = hits($neap);
    is($all->{$_}{limit_hits}, 1, "$_: ended, once") for sort keys %stubborn;
    is($neap->stop, 0, 'a clean stop');
}

{
    my ($broker, $sub, $neap) = run_scripts(
        'bomb.lua' => script('local t = {} while true do t[#t + 1] = ("x"):rep(1000) .. #t end'),
        'gc.lua'   => script('setmetatable({}, { __gc = function() while true do end end })'),
    );
    $neap->wait_log(qr/script\.bomb: .*not enough memory/);
    pass('a memory bomb gets no more than its script may have');
    $neap->wait_log(qr/script\.gc: .*gc\.lua:1: __gc is not there: use a close variable/);
    pass('__gc is refused, with what to use instead');
    is($neap->stop, 0, 'a clean stop');
}

# The process never has more than the cap of the script and 1 MB above what it had before.
{
    my @bombs = (
        'local t = {} while true do t[#t + 1] = ("x"):rep(1000) .. #t end',
        'local s = "x" while true do s = s .. s end',
        'return ("x"):rep(1e9)',
        'local t = {} for i = 1, 1e9 do t[i] = i end',
        'local t = {} for i = 1, 1e9 do t[i] = function() return i, t end end',
        'local t = {} for i = 1, 1e9 do t[i] = coroutine.create(print) end',
        'local t = {} for i = 1, 3000 do t[i] = ("x"):rep(1000) .. i end local s = table.concat(t) return table.concat({ s, s, s, s })',
        'return (("x"):rep(1e6):gsub("x", ("y"):rep(100)))',
        'local t = { ("x"):rep(1e6) } t[2], t[3], t[4] = t[1], t[1], t[1] return cjson.encode(t)',
        'local s = ("[1,"):rep(50) return cjson.decode("[" .. ("1,"):rep(1e6) .. "1]")',
        'return load("return {" .. ("{1},"):rep(3e5) .. "}")()',
        'return string.format(("%99d"):rep(30000), table.unpack({}, 1, 30000))',
        'return ("x"):rep(2e6):upper():reverse():lower() .. ("z"):rep(2e6)',
        'return table.pack(("x"):rep(200000):byte(1, -1))',
    );
    my $worst = 0;
    for my $bomb (@bombs) {
        my ($broker, $sub, $neap) = run_scripts('bomb.lua' => qq{on("connected", function() sleep(1)\npcall(function() $bomb end)\nlog.info("over") end)\n});
        my $memory = sub { my ($name) = @_; return (slurp('/proc/' . $neap->pid . '/status') =~ /^$name:\s+(\d+)/m)[0] };
        $neap->wait_state('connected');
        my $allowed = 4096 - hits($neap)->{bomb}{memory} / 1024;
        my $before  = $memory->('VmRSS');
        spew('/proc/' . $neap->pid . '/clear_refs', '5');    # the peak counts from now on
        $neap->wait_log(qr/script\.bomb: over/, 60);
        my $more = $memory->('VmHWM') - $before - $allowed;
        $worst = $more if $more > $worst;
        $_->stop for $neap, $broker;
    }
    diag(sprintf 'of %d bombs the worst took the process %d KB beyond the cap of its script', scalar @bombs, $worst);
  SKIP: {
        skip('a sanitizer or valgrind has memory of its own', 1) if $ENV{NEAP_RUN} || ($ENV{NEAP_BIN} // '') =~ m{/(?:asan|stress)/};
        cmp_ok($worst, '<', 1024, 'no bomb takes more than 1 MB beyond the cap');
    }
}

done_testing();
