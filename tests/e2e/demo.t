#!/usr/bin/perl
# The demo does what it says, ends by itself, and fails when a sample is missing.
use strict;
use warnings;
use Test::More;
use NeapTest;

$ENV{DEMO_SECONDS} = 200;

sub demo {
    my $program = start_program({ name => 'demo' }, 'tools/demo');
    return ($program->wait_end(250), $program->log);
}

my ($status, $text) = demo();
is($status, 0, 'exit status') or diag($text);
like($text, qr{^DEMO-1/messages/json  \[\{"}m, 'messages, as they arrive');
like($text, qr{^\S+ warn \S+: .*byte 254}m, 'the warning about the brace');
like($text, qr{^numbered   1 to (\d+) pushed, \1 arrived, none missing, \d+ twice$}m, 'nothing is missing');
like($text, qr{^tasks      temperature read, threshold set to 25$}m, 'both tasks were done');
unlike($text, qr/\e/, 'no colours without a terminal');

# a subscriber that withholds the second message with numbers
my $folder = temp_dir();
my ($sub) = grep { -x } map { "$_/mosquitto_sub" } split(/:/, $ENV{PATH});
spew("$folder/mosquitto_sub", <<"END", 0755);
#!/bin/sh
setpriv --pdeathsig KILL $sub "\$@" | sed -u '/counter\\.number/{x;s/^/x/;/^xx\$/{x;d};x}'
END
{
    local $ENV{PATH} = "$folder:$ENV{PATH}";
    ($status, $text) = demo();
    is($status, 1, 'exit status when a message is withheld') or diag($text);
    like($text, qr/^demo: no end to the missing numbers of 1 to \d+/m, 'and why') or diag($text);
}
done_testing();
