# The published examples of the protocol go in or come out as printed, through a broker. "tutorial" is AirVantage's "Using
# MQTT protocol", "reference" its later MQTT API reference. Elsewhere: the tutorial's application model in test_model.c, the
# reference's time series in test_series.c, form B in tasks_bounds.t.
use strict;
use warnings;
use JSON::PP ();
use Test::More;
use NeapTest;

my $broker = start_broker();
my $sub    = subscribe($broker);

sub on_topic {
    my ($topic) = @_;
    return map { $_->{payload} } grep { $_->{topic} eq $topic } $sub->messages;
}

# The JSON text without the white space between its parts.
sub compact { return $_[0] =~ s/("(?:[^"\\]|\\.)*")|\s+/$1 \/\/ ''/ger }

my @OUT = (
    {
        source  => 'tutorial: Send data to AirVantage',
        printed => slurp(root_dir() . '/tests/data/tutorial-message.json'),
        config  => '',
        push    => '{ "temperature", 23.2, time = 1349907137 }, { "temperature", 24.5, time = 1349908137 },'
            . '{ "temperature", 22.9, time = 1349909137 }, { "threshold", 30, time = 1349907137 }',
    },
    {
        source  => 'reference: several timestamps, one value each',
        printed => '{"1349907137000":{"machine.temperature":23.2,"machine.humidity":70},"1349908137000":{"machine.temperature":24.5}}',
        config  => "dialect: current\n",
        push    => '{ "temperature", 23.2, time = 1349907137 }, { "humidity", 70, time = 1349907137 },'
            . '{ "temperature", 24.5, time = 1349908137 }',
    },
    {
        source  => 'tutorial: the same values in the body of form C with native values and milliseconds',
        printed => '[{"machine.temperature":[{"timestamp":1349907137000,"value":23.2}]},{"machine.threshold":[{"timestamp":1349907137000,"value":30}]}]',
        config  => "payload: { values: native, timestamps: ms }\n",
        push    => '{ "temperature", 23.2, time = 1349907137 }, { "threshold", 30, time = 1349907137 }',
    },
);
my $device = 0;
for my $row (@OUT) {
    my $serial = 'OUT-' . ++$device;
    my $neap   = start_neap(write_config($broker, serial => $serial, more => $row->{config}, scripts => { 'machine.lua' => <<"END" }));
local machine = asset("machine")
policy("once", { flush = "1s" })
machine:variable("temperature", { policy = "once" })
machine:variable("humidity", { type = "int", policy = "once" })
machine:variable("threshold", { type = "int", policy = "once" })
on("connected", function() machine:push({ $row->{push} }) end)
END
    wait_for(sub { on_topic("$serial/messages/json") }, 30, 'the message');
    is((on_topic("$serial/messages/json"))[0], compact($row->{printed}), "out: $row->{source}");
    is($neap->stop, 0, 'a clean stop');
}

# What was written and what was read, of form C.
my $tutorial = start_neap(write_config($broker, serial => 'IN-0', scripts => { 'machine.lua' => <<'END' }));
local machine = asset("machine")
machine:variable("temperature", { read = function() return 23.2 end })
machine:setting("threshold", { type = "int", default = 30 })
END
$tutorial->wait_state('connected');
publish($broker, 'IN-0/tasks/json', slurp(root_dir() . '/tests/data/tutorial-tasks.json'));
for my $answer ('"machine\.temperature":\[\{"timestamp":\d{10},"value":"23\.2"\}', '"machine\.threshold":\[\{"timestamp":\d{10},"value":"25"\}') {
    wait_for(sub { grep { /$answer/ } on_topic('IN-0/messages/json') }, 20, $answer);
    pass("in: tutorial: Receive tasks from AirVantage: $answer");
}
is($tutorial->stop, 0, 'a clean stop');

my @IN = (
    {
        source  => 'reference: read',
        printed => '[{"uid":"3c12547b613740adb686271bdc8f097c","timestamp":1348836320188,"read":["machine.temperature"]}]',
        data    => qr/^\{"\d{13}":\{"machine\.temperature":23\.2\}\}$/,
        ack     => '[{"uid":"3c12547b613740adb686271bdc8f097c","status":"OK"}]',
    },
    {
        source  => 'reference: write',
        printed => '[{"uid":"c117c8ce7a8c4d89bd0b58bccf7e1575","timestamp":1498662247030,"write":[{"machine.threshold":25}]}]',
        data    => qr/^\{"\d{13}":\{"machine\.threshold":25\}\}$/,
        ack     => '[{"uid":"c117c8ce7a8c4d89bd0b58bccf7e1575","status":"OK"}]',
    },
    {
        source  => 'reference: command, and its acknowledgement',
        printed => '[{"uid":"59976b814d0b45d1b12371e66fc87d1f","timestamp":1445527665027,"command":{"id":"home.BedRoom1","params":{"Light":true}}}]',
        log     => qr/light\s+true$/m,
        ack     => '[{"uid":"59976b814d0b45d1b12371e66fc87d1f","status":"OK"}]',
    },
    {
        source  => 'reference: software installation',
        printed => '[{"uid":"0e8f5a1c","timestamp":1445527665027,"swinstall":{"type":"com.sample.device","revision":"2.0","url":"https://example.com/p"}}]',
        log     => qr{install\s+com\.sample\.device\s+2\.0\s+https://example\.com/p$}m,
        ack     => '[{"uid":"0e8f5a1c","status":"OK"}]',
    },
    {
        source  => 'reference: an acknowledgement of a failure',
        printed => '[{"uid":"9f1d2c","timestamp":1498662247030,"write":[{"machine.threshold":900}]}]',
        ack     => '[{"uid":"9f1d2c","status":"ERROR","message":"machine.threshold: 900 is above its maximum 100"}]',
    },
);
my $neap = start_neap(write_config($broker, serial => 'IN-1', more => "dialect: current\n", scripts => { 'machine.lua' => <<'END' }));
local machine, home = asset("machine"), asset("home")
machine:variable("temperature", { read = function() return 23.2 end })
machine:setting("threshold", { type = "int", default = 30, min = 0, max = 100 })
-- the examples are of 2015
home:command("BedRoom1", { params = { Light = { type = "boolean" } }, ttl = "36000d",
	run = function(p) log.info("light", p.Light) end })
on("install", function(software) log.info("install", software.type, software.revision, software.url) end)
END
$neap->wait_state('connected');
wait_for(sub { on_topic('IN-1/messages/json') }, 20, 'the report of the settings');
for my $row (@IN) {
    my $seen = () = on_topic('IN-1/messages/json');
    publish($broker, 'IN-1/tasks/json', $row->{printed});
    wait_for(sub { grep { $_ eq $row->{ack} } on_topic('IN-1/acks/json') }, 20, "the acknowledgement: $row->{ack}");
    pass("in: $row->{source}: acknowledged as printed");
    if ($row->{data}) {
        wait_for(sub { my $now = () = on_topic('IN-1/messages/json'); $now > $seen }, 20, 'the data');
        like((on_topic('IN-1/messages/json'))[$seen], $row->{data}, '... and answered');
    }
    like($neap->log, $row->{log}, '... and done') if $row->{log};
}
is($neap->stop, 0, 'a clean stop');

my $word = start_neap(write_config($broker, serial => 'KO-1', more => "dialect: current\npayload: { ack_error: KO }\n",
    scripts => { 'machine.lua' => 'asset("machine")' }));
$word->wait_state('connected');
publish($broker, 'KO-1/tasks/json', '[{"uid":"k","read":["machine.x"]}]');
wait_for(sub { on_topic('KO-1/acks/json') }, 20, 'the acknowledgement');
is((on_topic('KO-1/acks/json'))[0], '[{"uid":"k","status":"KO","message":"machine.x: no script declares this path"}]',
    'some servers want another word for a failure');
is($word->stop, 0, 'a clean stop');
done_testing();
