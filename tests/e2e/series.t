#!/usr/bin/perl
# Policies that send time series: what arrives on messages/ts and messages/tsz, decoded by hand, is what was pushed; what a
# series cannot hold goes as JSON beside it.
use strict;
use warnings;
use Compress::Zlib ();
use NeapTest;
use Test::More;

my $SCRIPT = <<'END';
policy("plain", { flush = "200ms", encoding = "ts" })
policy("small", { flush = "200ms", encoding = "tsz" })
local m = asset("m")
m:variable("a", { policy = "plain" })
m:variable("b", { type = "string", policy = "plain" })
m:variable("c", { policy = "small", factor = 8 })
on("start", function()
	for i = 1, 100 do
		m:push("a", 20 + i / 10, { time = 1700000000 + i })
		m:push("c", i * 0.5, { time = 1700000000 + i })
	end
	m:push("b", "text", { time = 1700000100 })
end)
END

# RFC 8949, as far as a series goes. Returns the value and what follows.
sub cbor {
    my ($bytes) = @_;
    my ($head, $rest) = unpack('C a*', $bytes);
    my ($major, $low) = ($head >> 5, $head & 31);
    my $n = $low;
    ($n, $rest) = unpack({ 24 => 'C', 25 => 'n', 26 => 'N', 27 => 'Q>' }->{$low} . ' a*', $rest) if $low >= 24 && $low <= 27 && $major != 7;
    return ($n, $rest) if $major == 0;
    return (-1 - $n, $rest) if $major == 1;
    return unpack("a$n a*", $rest) if $major == 3;
    if ($major == 4 || $major == 5) {
        my @list;
        for (1 .. $n * ($major - 3)) {
            (my $value, $rest) = cbor($rest);
            push(@list, $value);
        }
        return ($major == 4 ? \@list : {@list}, $rest);
    }
    return (undef, $rest) if $low == 22;
    return ($low == 21 ? 1 : 0, $rest) if $low == 20 || $low == 21;
    return unpack('f> a*', $rest) if $low == 26;
    return unpack('d> a*', $rest) if $low == 27;
    die sprintf('CBOR: %02x', $head);
}

# path => { ms => value }; their factors are kept
my %factors;
sub points {
    my ($body) = @_;
    my ($map, $rest) = cbor($body);
    is($rest, '', 'nothing behind the map');
    my ($names, $factors, $flat) = @$map{qw(h f s)};
    @factors{@$names} = @$factors[1 .. $#$factors];
    my (%points, @last, @row);
    while (@$flat) {
        @row = splice(@$flat, 0, 1 + @$names);
        for my $i (0 .. $#row) {
            next if !defined $row[$i];
            $last[$i] = $factors->[$i] == 0 ? $row[$i] : ($last[$i] // 0) + $row[$i];
            $points{ $names->[ $i - 1 ] }{ $last[0] / $factors->[0] } = $factors->[$i] == 0 ? $last[$i] : $last[$i] / $factors->[$i]
                if $i > 0;
        }
    }
    return %points;
}

my $broker = start_broker();
my $out    = temp_dir() . '/bodies';
my $sub    = start_program({ name => 'hex' }, 'sh', '-c',
    qq(exec mosquitto_sub -h 127.0.0.1 -p @{[$broker->port]} -q 1 -v -F '%t %x' -t 'GW-1/messages/+' >$out));
wait_for(sub { $broker->log =~ /Sending SUBACK/ }, 20, 'the subscriber');
my $neap = start_neap(write_config($broker, scripts => { 'series.lua' => $SCRIPT }));
wait_for(sub { slurp($out) =~ m{messages/ts } && slurp($out) =~ m{messages/tsz } }, 30, 'a series of each kind');
is($neap->stop, 0, 'a clean stop');

my %bodies;
my $text = slurp($out);
push(@{ $bodies{$1} }, pack('H*', $2)) while $text =~ m{^GW-1/messages/(\w+) (\w+)$}mg;
my %plain = map { points($_) } @{ $bodies{ts} };
my %want  = map { ((1700000000 + $_) * 1000 => 20 + $_ / 10) } 1 .. 100;
is_deeply($plain{'m.a'}, \%want, 'ts: doubles come back exactly');
is_deeply($plain{'m.b'}, { 1700000100000 => 'text' }, 'and text');
my %small = map { points(Compress::Zlib::uncompress($_)) } @{ $bodies{tsz} };
is_deeply($small{'m.c'}, { map { ((1700000000 + $_) * 1000 => $_ * 0.5) } 1 .. 100 }, 'tsz: the same through zlib');
is_deeply(\%factors, { 'm.a' => 10, 'm.b' => 0, 'm.c' => 8 }, 'factors: found, none for text, declared');
is(scalar @{ $bodies{json} // [] }, 0, 'nothing else was sent');
done_testing();
