# examples/install.lua and examples/commands.lua do what they teach: a task to install software is fetched, checked,
# installed and reported; commands take their parameters.
use strict;
use warnings;
use Digest::SHA qw(sha256_hex);
use Test::More;
use NeapTest;
use NeapWeb;

my $broker  = start_broker();
my $sub     = subscribe($broker);
my $dir     = temp_dir();
my $package = "the package\n";

my $web     = start_web('/p.ipk' => $package);

my $neap = start_neap(write_config($broker,
    more    => "dialect: current\npolicies: { default: { flush: 1s } }\nparams: { install: { dir: $dir/install, install: 'cp -t $dir' } }\n",
    scripts => { map { $_ => slurp(root_dir() . "/examples/$_") } qw(install.lua commands.lua) }));
$neap->wait_state('connected');

sub data { return join("\n", map { $_->{payload} } grep { $_->{topic} eq 'GW-1/messages/json' } $sub->messages) }

my $uids = 0;
sub do_task {
    my ($task) = @_;
    my $uid = 'u' . ++$uids;
    publish($broker, 'GW-1/tasks/json', qq([{"uid":"$uid",$task}]));
    my $ack = wait_for(sub { (grep { $_->{uid} eq $uid } map { @{ decode($_->{payload}) } }
                grep { $_->{topic} eq 'GW-1/acks/json' } $sub->messages)[0] }, 60, "the acknowledgement of $task");
    return $ack->{status} . (defined $ack->{message} ? ": $ack->{message}" : '');
}

sub install {
    my ($url) = @_;
    return do_task(qq("swinstall":{"type":"com.sample.pump","revision":"2.0","url":"$url"}));
}
my $sum = sha256_hex($package);
my $at  = $web->{url};
like(install("$at/p.ipk"), qr/^ERROR: .*must begin with http and end in #sha256=/, 'without a checksum');
like(install("$at/p.ipk#sha256=" . ('0' x 64)), qr/^ERROR: .*the package's checksum is $sum, not 0{64}$/, 'with another checksum');
like(install("$at/none#sha256=$sum"), qr/^ERROR: .*the server answers with status 404$/, 'a package that is not there');
is(slurp("$dir/package"), '', 'none was installed');
is(install("$at/p.ipk#sha256=$sum"), 'OK', 'the package');
is(slurp("$dir/package"), $package, 'is installed');
wait_for(sub { data() =~ /"device\.software":"com\.sample\.pump 2\.0"/ }, 60, 'the report');
pass('and reported');

is(do_task('"command":{"id":"gate.move","params":{"to":20}}'), 'OK', 'a command');
like(do_task('"command":{"id":"gate.move","params":{"to":20}}'), qr/^ERROR: gate\.move: it is at 20 % already$/, 'it may refuse');
like(do_task('"command":{"id":"gate.move","params":{"to":120}}'), qr/^ERROR: .*above its maximum 100$/, 'its limits hold');
is(do_task('"command":{"id":"survey.look"}'), 'OK', 'another one');
is($neap->stop, 0, 'a clean stop');
like(data(), qr/"gate\.position":20/, 'the values they push arrive');
done_testing();
