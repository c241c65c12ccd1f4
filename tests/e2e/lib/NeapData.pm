# What data bodies hold (form C): samples, and which of a row of numbers are not among them.
package NeapData;
use strict;
use warnings;
use Exporter qw(import);
use JSON::PP ();

our @EXPORT = qw(samples values_of numbers_missing numbers_twice);

my $json = JSON::PP->new;

# The samples of all bodies, in order: { path, timestamp, value }. Dies where a body is not exactly of the form
# [{"PATH":[{"timestamp":SECONDS,"value":"TEXT"}, ...]}, ...].
sub samples {
    my (@bodies) = @_;
    my @samples;
    for my $body (@bodies) {
        my $list = $json->decode($body);
        die "no array of objects: $body" if ref $list ne 'ARRAY' || !@$list || grep { ref ne 'HASH' || keys %$_ != 1 } @$list;
        for my $object (@$list) {
            my ($path, $points) = %$object;
            for my $point (@$points) {
                die "not a datapoint in $body" if join(' ', sort keys %$point) ne 'timestamp value';
                push(@samples, { path => $path, %$point });
            }
        }
        # the parser takes numbers for texts and fractions for seconds: look at the text itself
        my $number_of = () = $body =~ /"timestamp":-?\d+[,}]/g;
        my $text_of   = () = $body =~ /"value":"/g;
        my $points    = () = $body =~ /"timestamp"/g;
        die "values are texts and times whole seconds, not so in $body" if $number_of != $points || $text_of != $points;
    }
    return @samples;
}

# The values of one path, in the order of their arrival.
sub values_of {
    my ($path, @bodies) = @_;
    return map { $_->{value} } grep { $_->{path} eq $path } samples(@bodies);
}

# Which of the numbers 1 to $count are not among @values, as text with spaces; '' is good.
sub numbers_missing {
    my ($count, @values) = @_;
    my %there = map { $_ => 1 } @values;
    return join(' ', grep { !$there{$_} } 1 .. $count);
}

# Which values come more than once.
sub numbers_twice {
    my (@values) = @_;
    my %times;
    $times{$_}++ for @values;
    return join(' ', sort { $a <=> $b } grep { $times{$_} > 1 } keys %times);
}

1;
