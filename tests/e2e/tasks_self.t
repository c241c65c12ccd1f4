# The policies as settings of the agent's own asset: the server changes the reporting, at once and for good.
use strict;
use warnings;
use Test::More;
use NeapTest;

my $broker = start_broker();
my $sub    = subscribe($broker);
my $config = write_config($broker, more => "dialect: current\nagent: { asset: neap }\n", scripts => { 'machine.lua' => <<'END' });
local machine = asset("machine")
policy("trend", { flush = "1h", limit = "64KB" })
machine:variable("heat", { policy = "trend" })
on("connected", function() machine:push("heat", 21) end)
END

sub data { return join("\n", map { $_->{payload} } grep { $_->{topic} eq 'GW-1/messages/json' } $sub->messages) }
sub acked {
    my ($uid) = @_;
    return (grep { $_->{uid} eq $uid } map { @{ decode($_->{payload}) } } grep { $_->{topic} eq 'GW-1/acks/json' } $sub->messages)[0];
}

my $neap = start_neap($config);
wait_for(sub { data() =~ /"neap\.policy\.trend\.flush":"1h"/ }, 20, 'the report of the settings');
like(data(), qr/"neap\.policy\.trend\.limit":"64KB"/, 'policies are reported as settings');
wait_for(sub { grep { $_->{name} eq 'trend' && $_->{waiting} == 1 } @{ $neap->status->{policies} } }, 20, 'the sample');
unlike(data(), qr/machine\.heat/, 'a sample waits for its flush');
publish($broker, 'GW-1/tasks/json', '[{"uid":"w1","write":[{"neap.policy.trend.flush":"now","neap.policy.trend.limit":"1"}]}]');
wait_for(sub { data() =~ /"machine\.heat":21/ }, 20, 'the sample, at once');
pass('a policy that was written holds at once');
wait_for(sub { acked('w1') }, 20, 'the acknowledgement');
is(acked('w1')->{message}, 'neap.policy.trend.limit: limit: takes a size of 4KB at least, such as "2MB", not "1"',
    'what does not fit is refused');
$neap->kill9;
my $seen = length data();
$neap->again;
wait_for(sub { substr(data(), $seen) =~ /"neap\.policy\.trend\.flush":"now"/ }, 20, 'the report after a restart');
pass('and it outlives a restart');
wait_for(sub { substr(data(), $seen) =~ /"machine\.heat":21/ }, 20, 'the next sample, at once too');
is($neap->stop, 0, 'a clean stop');
is((run_neap('model', '-c', $config, '-o', test_dir() . '/app.zip'))[0], 0, 'neap model');
my (undef, $model) = run_command('unzip', '-p', test_dir() . '/app.zip');
like($model, qr/<asset default-label="neap" id="neap">.*path="policy".*path="trend".*<setting default-label="flush" path="flush" type="string"/s,
    'the model has them');
done_testing();
