#!/usr/bin/perl
# 100,000 samples that a script pushes in a tight loop arrive, each once, in order, and nothing else.
use strict;
use warnings;
use NeapTest;
use Test::More;

my $EACH = 25_000;    # for each of four paths

my $broker = start_broker();
my $sub    = subscribe($broker, topic => '+/messages/json');
my $config = write_config($broker, scripts => { 'tight.lua' => <<"END" });
policy("bulk", { flush = "100ms", max_samples = 1000, limit = "32MB" })
local m = asset("m")
for _, name in ipairs { "a", "b", "c", "d" } do m:variable(name, { type = "int", policy = "bulk" }) end
on("connected", function()
	for i = 1, $EACH do
		m:push("a", i)
		m:push("b", i)
		m:push("c", i)
		m:push("d", i)
	end
end)
END
# enough processor time for the loop under valgrind, too
my $neap = start_neap(spew($config, slurp($config) =~ s/^scripts: \{/scripts: { budget: 60s,/mr));

# Bodies are many: a strict pattern instead of a parser.
my %values;
my $seen = 0;
my $take = sub {
    my @bodies = $sub->payloads;
    for my $body (@bodies[$seen .. $#bodies]) {
        my $rest = $body;
        $rest =~ s/^\[(.*)\]$/,$1/ or die "no array: $body";
        while ($rest =~ s/^,\{"m\.([a-d])":\[([^\]]*)\]\}//) {
            my ($path, $points) = ($1, ",$2");
            push(@{ $values{$path} }, $1) while $points =~ s/^,\{"timestamp":\d{10},"value":"(\d+)"\}//;
            die "left over: $points" if $points ne '';
        }
        die "left over: $rest" if $rest ne '';
    }
    $seen = @bodies;
    my $count = 0;
    $count += @$_ for values %values;
    return $count;
};
wait_for(sub { $take->() >= 4 * $EACH }, 60, 'all samples');
is($neap->stop, 0, 'a clean stop');
is($take->(), 4 * $EACH, 'that many samples, no more');
for my $path (qw(a b c d)) {
    my @wrong = grep { $values{$path}[ $_ - 1 ] != $_ } 1 .. $EACH;
    is(scalar(@wrong), 0, "$path: each once, in order");
}
is(scalar(grep { length $_ > 16_000 } $sub->payloads), 0, 'no body is above its limit');
unlike($neap->log, qr/ (warn|error) /, 'and nothing to complain of');

done_testing();
