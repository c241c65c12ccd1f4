#!/usr/bin/perl
# Events reach scripts, each with its reason. (clock: clock.t; install: install.t)
use strict;
use warnings;
use NeapTest;
use Test::More;

my $SCRIPT = <<'END';
policy("small", { flush = "1h", limit = "16KB" })
local m = asset("m")
m:variable("n", { policy = "small" })
for _, event in ipairs { "start", "stop", "connected", "disconnected", "reload", "full" } do
	on(event, function(reason) log.info("event", event, reason) end)
end
on("disconnected", function() for i = 1, 5000 do m:push("n", i) end end)
END

# The events so far, each with its reason.
sub events {
    my ($neap, $script) = @_;
    return grep { defined } map { /script\.$script: event (.*)/ ? $1 : undef } $neap->lines;
}

my $broker = start_broker();
my $dir    = temp_dir();
my $config = write_config($broker, dir => $dir, scripts => { 'tell.lua' => $SCRIPT, 'other.lua' => ($SCRIPT =~ s/"m"/"o"/r) });
my $neap = start_neap($config);
$neap->wait_log(qr/tell: event connected/);
is(join(', ', events($neap, 'tell')), 'start nil, connected nil', 'start, connected');

$broker->stop;
$neap->wait_log(qr/tell: event disconnected/);
my ($lost) = grep { /disconnected/ } events($neap, 'tell');
like($lost, qr/^disconnected \w.*\w/, "disconnected, and why: $lost");
unlike($lost, qr/nil/, '... it is a text');
$neap->wait_log(qr/tell: event full/);
like((grep { /^full/ } events($neap, 'tell'))[0], qr/^full samples were lost$/, 'full, and why');

spew("$dir/scripts/tell.lua", "$SCRIPT\n-- another version\n");
unlink "$dir/scripts/other.lua";
my ($status) = run_neap('reload', '-c', $config);
is($status, 0, 'a reload');
$neap->wait_log(qr/tell: event start reload/);
is(join(', ', grep { /reload|start/ } events($neap, 'tell')), 'start nil, reload command, start reload', 'reload, then the next start');
is((events($neap, 'other'))[-1], 'stop removed', 'a script that is taken away');

is($neap->stop, 0, 'a clean stop');
is((events($neap, 'tell'))[-1], 'stop nil', 'stop');
done_testing();
