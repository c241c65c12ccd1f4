#!/usr/bin/perl
# kill -9, again and again at random moments while samples flow: whatever anyone outside could know to be pushed arrives.
# The script writes each number into a file after it was pushed; that is what we know.
use strict;
use warnings;
use NeapData;
use NeapTest;
use Test::More;
use Time::HiRes qw(sleep);

my $ROUNDS = 10;
my $file   = temp_dir() . '/numbers';
my $broker = start_broker();
my $sub    = subscribe($broker, topic => '+/messages/json');
my $neap   = start_neap(write_config($broker, more => "params: { m: { file: $file } }\n", scripts => { 'm.lua' => <<'END' }));
local cfg = params { file = "" }
policy("quick", { flush = "30ms", max_samples = 20 })
local m = asset("m")
m:variable("n", { type = "int", policy = "quick" })
on("start", function()
	local n = file.exists(cfg.file) and tonumber(file.read(cfg.file):match("(%d+)\n[^\n]*$")) or 0
	while true do
		n = n + 1
		m:push("n", n)
		file.append(cfg.file, n .. "\n")
	end
end)
END

sub last_number { return slurp($file) =~ /(\d+)\n[^\n]*\z/ ? $1 : 0 }

my $last = 0;
for my $round (1 .. $ROUNDS) {
    wait_for(sub { last_number() > $last + 20 }, 30, 'numbers');
    sleep(rand 0.2);
    is($neap->kill9, 'signal 9', "killed at " . ($last = last_number()));
    $neap->again;
}
$neap->wait_state('connected');
is($neap->stop, 0, 'a clean stop');
$last = last_number();
wait_for(sub { grep { $_ == $last } values_of('m.n', $sub->payloads) }, 30, 'the last number');
my @values = values_of('m.n', $sub->payloads);
is(numbers_missing($last, @values), '', "of $last numbers none is missing");
note(@values . ' arrived');
unlike($neap->log, qr/damaged|lost:/, 'no file was found damaged');

done_testing();
