# What the end-to-end tests share: a private broker, neap, subscribers, certificates, waiting, cleaning up.
#
#   use NeapTest;
#   my $broker = start_broker(users => { 'GW-1' => 'secret' });
#   my $sub    = subscribe($broker, topic => '+/messages/json');
#   my $neap   = start_neap(write_config($broker, password => 'secret', scripts => { 'machine.lua' => $lua }));
#   wait_for(sub { $sub->messages >= 3 }, 10, 'three messages');
#   publish($broker, 'GW-1/tasks/json', $payload);
#   is($neap->stop, 0, 'a clean stop');
#
# Nothing here sleeps to wait for something. All that was started is ended, and all that was written removed, when the
# test ends, however it ends. Environment: NEAP_BIN (default build/rel/neap), NEAP_BUILD (its folder), NEAP_RUN (put
# before neap, such as valgrind), NEAP_SLOW (a factor for every limit; 10 under NEAP_RUN unless set), NEAP_KEEP (keep
# the folder of the test and say where it is).
package NeapTest;
use strict;
use warnings;
use Cwd qw(abs_path);
use Exporter qw(import);
use File::Basename qw(dirname);
use File::Path qw(make_path remove_tree);
use File::Temp ();
use IO::Socket::INET;
use JSON::PP ();
use POSIX qw(:sys_wait_h);
use Time::HiRes qw(sleep time);

our @EXPORT = qw(temp_dir test_dir root_dir tool free_port slurp spew slow wait_for certificates start_broker subscribe publish
    write_config start_neap start_program start_relay run_neap run_command decode);

my $root  = abs_path(dirname(__FILE__) . '/../../..');
my $build = $ENV{NEAP_BUILD} // "$root/build/rel";
my $bin   = $ENV{NEAP_BIN} // "$build/neap";
my @run   = split ' ', $ENV{NEAP_RUN} // '';
my $slow  = $ENV{NEAP_SLOW} || (@run ? 10 : 1);
my $owner = $$;
my %children;    # pid => 1: started and not yet waited for
my $dir;
my $count = 0;

# --- folders and files ---

# The test's own folder, made at the first call and removed at the end.
sub test_dir { return $dir //= File::Temp::tempdir('neap-test-XXXXXX', TMPDIR => 1) }

# A new folder in it.
sub temp_dir {
    my $new = test_dir() . '/' . ++$count;
    make_path($new);
    return $new;
}

sub root_dir { return $root }

# A program of tests/tools.
sub tool { return "$build/tests/tools/$_[0]" }

sub slurp {
    my ($name) = @_;
    open(my $fh, '<', $name) or return '';
    local $/ = undef;
    return scalar(readline $fh) // '';
}

sub spew {
    my ($name, $text, $mode) = @_;
    open(my $fh, '>', $name) or die "$name: $!";
    print $fh $text;
    close($fh) or die "$name: $!";
    chmod($mode, $name) or die "$name: $!" if defined $mode;
    return $name;
}

sub decode { return JSON::PP->new->decode($_[0]) }

# --- waiting ---

# The factor for every limit.
sub slow { return $slow }

# Calls $check until it returns something true, and returns that; dies after $seconds (times NEAP_SLOW).
sub wait_for {
    my ($check, $seconds, $what) = @_;
    my $end = time + $seconds * $slow;
    while (1) {
        my $got = $check->();
        return $got if $got;
        die sprintf("waited %g s for %s\n%s", $seconds * $slow, $what, tails()) if time > $end;
        sleep(0.03);
    }
}

# The ends of the logs, for the one who has to find out why.
sub tails {
    my $text = '';
    my @logs = glob(test_dir() . '/*.log');
    for my $log (sort @logs) {
        my @lines = split /\n/, slurp($log);
        splice(@lines, 0, -12) if @lines > 12;
        $text .= "--- $log\n" . join('', map { "$_\n" } @lines);
    }
    return $text =~ s/^/# /mgr;
}

# --- processes ---

# Starts @command with its output in $out (and $err, else both in $out). The kernel ends it if this test is killed.
sub spawn {
    my ($in, $out, $err, @command) = @_;
    unshift(@command, qw(setpriv --pdeathsig KILL)) if -x '/usr/bin/setpriv';
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        # no END block and no destructor of ours in the child
        open(STDIN, '<', $in) && open(STDOUT, '>>', $out) && open(STDERR, '>>', $err // $out) && exec(@command);
        print STDERR "$command[0]: $!\n";
        POSIX::_exit(127);
    }
    $children{$pid} = 1;
    return $pid;
}

# Has it ended? Then its status is in $? and it is forgotten.
sub ended {
    my ($pid) = @_;
    return 1 if !$children{$pid};
    return 0 if waitpid($pid, WNOHANG) == 0;
    delete $children{$pid};
    return 1;
}

# Waits for the end; gives the exit status, or "signal N".
sub reap {
    my ($pid, $seconds, $what) = @_;
    my $status;
    wait_for(sub { ended($pid) and defined($status = $?) }, $seconds, "the end of $what");
    return $status & 127 ? 'signal ' . ($status & 127) : $status >> 8;
}

sub end_all {
    return if $$ != $owner;
    local $?;
    for my $pid (keys %children) {
        next if ended($pid);
        kill('CONT', $pid);
        kill('KILL', $pid);
        waitpid($pid, 0);
        delete $children{$pid};
    }
    return if !defined $dir;
    if ($ENV{NEAP_KEEP}) {
        print STDERR "# kept: $dir\n";
    } else {
        chdir('/');
        remove_tree($dir);
    }
    undef $dir;
    return;
}

END { end_all() }
for my $signal (qw(INT TERM HUP)) {
    $SIG{$signal} = sub { exit(130) };    ## no critic: END does the rest
}

# Runs a command to its end: (status, output, errors).
sub run_command {
    my @command = @_;
    my $base    = test_dir() . '/run' . ++$count;
    my $input   = ref $command[0] ? ${ shift @command } : '';
    spew("$base.in", $input);
    my $pid = spawn("$base.in", "$base.out", "$base.err", @command);
    my $status = reap($pid, 60, $command[0]);
    return ($status, slurp("$base.out"), slurp("$base.err"));
}

sub run_neap { return run_command(@run, $bin, @_) }

# Any port that is free now. Another may take it meanwhile: start_broker tries again then.
sub free_port {
    my $socket = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1') or die "listen: $!";
    return $socket->sockport;
}

# --- programs under test ---

# A program in the background, its output and errors in a log. Options: name, run => 1 (under NEAP_RUN), input => 1 (it
# hears what tell() says; else its input is empty), env => { NAME => value }.
sub start_program {
    my ($option, @command) = @_;
    return NeapTest::Program->start($option, @command);
}

# neap run with the configuration $config (a file name).
sub start_neap {
    my ($config, @arguments) = @_;
    my $self = NeapTest::Program->start({ name => 'neap', run => 1 }, $bin, 'run', '-c', $config, @arguments);
    $self->{config} = $config;
    return $self;
}

package NeapTest::Program;
use strict;
use warnings;

sub start {
    my ($class, $option, @command) = @_;
    my $name = $option->{name} // 'program';
    my $self = bless { name => $name, command => [ $option->{run} ? @run : (), @command ], env => $option->{env} }, $class;
    $self->{log_name} = NeapTest::test_dir() . "/$name" . ++$count . '.log';
    if ($option->{input}) {
        $self->{fifo} = "$self->{log_name}.fifo";
        POSIX::mkfifo($self->{fifo}, 0600) or die "mkfifo: $!";
        open($self->{input}, '+<', $self->{fifo}) or die "$self->{fifo}: $!";    # both ends: never waits for the other
    }
    $self->again;
    return $self;
}

# Starts it once more, after a stop or a kill; the log goes on.
sub again {
    my ($self) = @_;
    die "$self->{name} is still running" if $self->{pid} && !NeapTest::ended($self->{pid});
    local %ENV = (%ENV, %{ $self->{env} // {} });
    $self->{pid} = NeapTest::spawn($self->{fifo} // '/dev/null', $self->{log_name}, undef, @{ $self->{command} });
    return $self;
}

# Writes lines to its input.
sub tell {
    my ($self, @lines) = @_;
    for my $line (@lines) {
        syswrite($self->{input}, "$line\n") == length($line) + 1 or die "tell: $!";
    }
    return $self;
}

sub pid      { return $_[0]{pid} }
sub log_name { return $_[0]{log_name} }
sub log      { return NeapTest::slurp($_[0]{log_name}) }
sub lines    { return split /\n/, $_[0]->log }
sub running  { return !NeapTest::ended($_[0]{pid}) }

sub signal {
    my ($self, $signal) = @_;
    die "$self->{name} has ended already\n" . NeapTest::tails() if !$self->running;
    kill($signal, $self->{pid}) or die "kill: $!";
    return $self;
}

# Ends it and gives its exit status.
sub stop {
    my ($self, $signal) = @_;
    $self->signal($signal // 'TERM');
    return $self->wait_end;
}

sub wait_end {
    my ($self, $seconds) = @_;
    my $status = NeapTest::reap($self->{pid}, $seconds // 30, $self->{name});
    print STDERR "# $self->{name} crashed:\n", NeapTest::tails() if $status =~ /^signal (?:4|6|7|8|11)$/;
    return $status;
}

sub kill9 { return $_[0]->stop('KILL') }

# Waits for a line of the log that matches, after the place $from (0); gives the place behind it.
sub wait_log {
    my ($self, $pattern, $seconds, $from) = @_;
    return NeapTest::wait_for(
        sub {
            my $text = substr($self->log, $from // 0);
            return ($from // 0) + $+[0] if $text =~ $pattern;
            die "$self->{name} ended while waiting for $pattern\n" . NeapTest::tails() if !$self->running;
            return 0;
        },
        $seconds // 20,
        "$pattern in the log of $self->{name}");
}

# `neap status --json`, decoded; undef while it does not answer.
sub status {
    my ($self) = @_;
    my ($status, $out) = NeapTest::run_command($bin, 'status', '-c', $self->{config}, '--json');
    return $status == 0 ? NeapTest::decode($out) : undef;
}

sub wait_state {
    my ($self, $state, $seconds) = @_;
    return NeapTest::wait_for(sub { my $s = $self->status; $s && $s->{link}{state} eq $state && $s },
        $seconds // 20, "link.state $state");
}

# --- the relay ---

package NeapTest;

# A relay (tests/tools/relay.c) in front of the broker: give its port to neap instead of the broker's.
sub start_relay { return NeapTest::Relay->start(@_) }

package NeapTest::Relay;
use strict;
use warnings;
our @ISA = qw(NeapTest::Program);

sub start {
    my ($class, $broker) = @_;
    my $self = NeapTest::Program::start($class, { name => 'relay', input => 1 }, NeapTest::tool('relay'), $broker->port);
    $self->wait_log(qr/^port \d+$/m);
    ($self->{port}) = $self->log =~ /^port (\d+)$/m;
    return $self;
}

sub port { return $_[0]{port} }

# cut, blackhole, resume, slow, refuse, accept: done when this returns.
sub command {
    my ($self, $command) = @_;
    my $from = length $self->log;
    $self->tell($command);
    $self->wait_log(qr/^done \Q$command\E$/m, 20, $from);
    return $self;
}

# The packets so far: { connection, up, type, id, and for a PUBLISH dup, topic, len, hash, text }.
sub packets {
    my ($self) = @_;
    my @packets;
    for my $line ($self->lines) {
        next if $line !~ /^(\d+) ([<>]) ([A-Z]+)(?: (\d+))?(.*)$/;
        my $packet = { connection => $1, up => $2 eq '>', type => $3, id => $4 };
        @$packet{qw(dup topic len hash text)} = ($1, $2, $3, $4, $5) if $5 =~ /^ d(\d) (\S+) (\d+) (\S+) (.*)$/;
        push(@packets, $packet);
    }
    return @packets;
}

# What the broker acknowledged: the packets of the PUBLISHes upwards that a PUBACK followed on the same connection.
sub acknowledged {
    my ($self) = @_;
    my (%waiting, @acknowledged);
    for my $packet ($self->packets) {
        my $key = join(' ', $packet->{connection}, $packet->{id} // '');
        $waiting{$key} = $packet if $packet->{type} eq 'PUBLISH' && $packet->{up};
        push(@acknowledged, delete $waiting{$key})
            if $packet->{type} eq 'PUBACK' && !$packet->{up} && $waiting{$key};
    }
    return @acknowledged;
}

# --- the broker ---

package NeapTest;

# A mosquitto of one's own on 127.0.0.1. Options:
#   users => { name => password }   without it everybody may connect
#   acl => text                     of an acl_file
#   tls => certificates(), cert => 'server' (which of them), mutual => 1 (clients must show one)
#   persistence => 1                saved each second; a kill -9 loses what was not saved yet
#   config => text                  further lines
#   port => number                  a fixed one
sub start_broker { return NeapTest::Broker->start(@_) }

package NeapTest::Broker;
use strict;
use warnings;

sub start {
    my ($class, %option) = @_;
    my $self = bless { %option, dir => NeapTest::temp_dir() }, $class;
    $self->{log_name} = NeapTest::test_dir() . "/broker" . ++$count . '.log';
    if ($self->{users}) {
        NeapTest::spew("$self->{dir}/passwd", join('', map { "$_:$self->{users}{$_}\n" } sort keys %{ $self->{users} }));
        my ($status, undef, $err) = NeapTest::run_command('mosquitto_passwd', '-U', "$self->{dir}/passwd");
        die "mosquitto_passwd: $err" if $status != 0;
    }
    NeapTest::spew("$self->{dir}/acl", $self->{acl}) if defined $self->{acl};
    for my $try (1 .. 20) {
        $self->{port} = $option{port} // NeapTest::free_port();
        return $self if $self->again;
        last if $option{port};
    }
    die "the broker does not start:\n" . $self->log;
}

# Starts it once more on the same port, after a stop or a kill. False if the port is taken.
sub again {
    my ($self) = @_;
    my $seen = length $self->log;
    NeapTest::spew("$self->{dir}/mosquitto.conf", $self->config_text);
    $self->{pid} = NeapTest::spawn('/dev/null', $self->{log_name}, undef,
        $self->program, '-v', '-c', "$self->{dir}/mosquitto.conf");
    return NeapTest::wait_for(
        sub {
            return 'ended' if NeapTest::ended($self->{pid});
            return substr($self->log, $seen) =~ /^\d+: mosquitto version \S+ running$/m && 'running';
        },
        20, 'the broker to run') eq 'running';
}

# Debian has it in /usr/sbin, which is not in everybody's PATH.
sub program { return (grep { -x } map { "$_/mosquitto" } split(/:/, $ENV{PATH}), '/usr/sbin')[0] // 'mosquitto' }

sub config_text {
    my ($self) = @_;
    my $text = <<"END";
listener $self->{port} 127.0.0.1
log_dest stderr
log_type all
max_queued_messages 0
max_inflight_messages 0
END
    $text .= "user root\n" if $> == 0;
    $text .= $self->{users} ? "allow_anonymous false\npassword_file $self->{dir}/passwd\n" : "allow_anonymous true\n";
    $text .= "acl_file $self->{dir}/acl\n" if defined $self->{acl};
    $text .= "persistence true\npersistence_location $self->{dir}/\nautosave_interval 1\n" if $self->{persistence};
    if (my $tls = $self->{tls}) {
        my $name = $self->{cert} // 'server';
        $text .= "cafile $tls/ca.crt\ncertfile $tls/$name.crt\nkeyfile $tls/$name.key\n";
        $text .= "require_certificate true\n" if $self->{mutual};
    }
    return $text . ($self->{config} // '');
}

sub port { return $_[0]{port} }
sub pid  { return $_[0]{pid} }
sub log  { return NeapTest::slurp($_[0]{log_name}) }

sub signal {
    my ($self, $signal) = @_;
    kill($signal, $self->{pid}) or die "kill: $!";
    return $self;
}

sub stop  { return $_[0]->end('TERM') }
sub kill9 { return $_[0]->end('KILL') }

sub end {
    my ($self, $signal) = @_;
    $self->signal($signal);
    return NeapTest::reap($self->{pid}, 30, 'the broker');
}

# What mosquitto_sub and mosquitto_pub need to reach it.
sub client_options {
    my ($self, %option) = @_;
    my @options = ('-h', $self->{tls} ? 'localhost' : '127.0.0.1', '-p', $self->{port});
    if (my $users = $self->{users}) {
        my $user = $option{user} // (sort keys %$users)[0];
        push(@options, '-u', $user, '-P', $option{password} // $users->{$user});
    }
    if (my $tls = $self->{tls}) {
        push(@options, '--cafile', "$tls/ca.crt", '--insecure');
        push(@options, '--cert', "$tls/client.crt", '--key', "$tls/client.key") if $self->{mutual};
    }
    return @options;
}

package NeapTest;

# --- subscribers and publishers ---

# A mosquitto_sub that is subscribed when this returns. Options: topic (default '#'), qos (1), id, keep => 1 (a session
# that stays, with an id), user, password.
sub subscribe {
    my ($broker, %option) = @_;
    return NeapTest::Subscriber->start($broker, %option);
}

# Publishes $payload at QoS 1, acknowledged when this returns. Options: qos, retain, user, password.
sub publish {
    my ($broker, $topic, $payload, %option) = @_;
    my ($status, $out, $err) = run_command(\$payload, 'mosquitto_pub', $broker->client_options(%option),
        '-q', $option{qos} // 1, '-t', $topic, '-s', $option{retain} ? '-r' : ());
    die "mosquitto_pub: $out$err" if $status != 0;
    return;
}

package NeapTest::Subscriber;
use strict;
use warnings;

sub start {
    my ($class, $broker, %option) = @_;
    my $self = bless { broker => $broker }, $class;
    $self->{log_name} = NeapTest::test_dir() . '/sub' . ++$count . '.log';
    # -d tells when it is subscribed; stdbuf, because into a file it would write in blocks of 4 KiB
    $self->{command} = [
        'stdbuf', '-oL', 'mosquitto_sub', '-d', '-F', '=== %q %r %t %p', $broker->client_options(%option),
        '-q', $option{qos} // 1, '-t', $option{topic} // '#',
        defined $option{id} ? ('-i', $option{id}) : (), $option{keep} ? '-c' : ()];
    $self->again;
    return $self;
}

# Subscribes once more; what arrives is added to what came before.
sub again {
    my ($self) = @_;
    my $seen = length $self->log;
    $self->{pid} = NeapTest::spawn('/dev/null', $self->{log_name}, undef, @{ $self->{command} });
    NeapTest::wait_for(
        sub {
            die "mosquitto_sub: " . $self->log if NeapTest::ended($self->{pid});
            return substr($self->log, $seen) =~ /^Subscribed \(mid: \d+\): [0-2]$/m;
        },
        20, 'the subscription');
    return $self;
}

sub log { return NeapTest::slurp($_[0]{log_name}) }

# All messages so far, in order: { qos, retained, topic, payload }. A payload must be one line.
sub messages {
    my ($self) = @_;
    my @messages;
    for my $line (split /\n/, $self->log =~ s/[^\n]*\z//r) {
        push(@messages, { qos => $1, retained => $2, topic => $3, payload => $4 })
            if $line =~ /^=== (\d) (\d) (\S+) (.*)$/;
    }
    return @messages;
}

sub payloads { return map { $_->{payload} } $_[0]->messages }

sub stop {
    my ($self) = @_;
    kill('TERM', $self->{pid});
    NeapTest::reap($self->{pid}, 20, 'mosquitto_sub');
    return;
}

package NeapTest;

# --- neap's configuration ---

# Writes a folder with neap.yaml and scripts for this broker; gives the file's name. Options:
#   serial ('GW-1'), password ('secret' for users of the broker)
#   host ('127.0.0.1', or localhost with TLS), port, url (instead of both)
#   broker => { key => value }   further keys of broker:, e.g. keepalive => '5s'; tls => '{ ca: /x }'
#   scripts => { 'name.lua' => text }
#   more => text                 further keys of the top level, as YAML
sub write_config {
    my ($broker, %option) = @_;
    my $at     = $option{dir} // temp_dir();
    my $serial = $option{serial} // 'GW-1';
    make_path(map { "$at/$_" } qw(state queue scripts));
    while (my ($name, $text) = each %{ $option{scripts} // {} }) {
        make_path(dirname("$at/scripts/$name"));
        spew("$at/scripts/$name", $text);
    }
    my %broker = (reconnect => '{ min: 100ms, max: 2s }', %{ $option{broker} // {} });
    my $tls = $broker && $broker->{tls};
    $broker{tls} //= "{ ca: $tls/ca.crt }" if $tls;
    my $host = $option{host} // ($tls ? 'localhost' : '127.0.0.1');
    my $port = $option{port} // ($broker ? $broker->port : 1);
    $broker{url} = $option{url} // ($tls ? 'ssl' : 'tcp') . "://$host:$port";
    my $password = $option{password} // ($broker && $broker->{users} && $broker->{users}{$serial});
    $broker{password_file} //= spew("$at/password", "$password\n", 0600) if defined $password;
    my $keys = join('', map { "  $_: $broker{$_}\n" } sort keys %broker);
    return spew("$at/neap.yaml", <<"END" . ($option{more} // ''));
device: { serial: $serial }
broker:
${keys}state: { dir: $at/state }
queue: { dir: $at/queue }
scripts: { dir: $at/scripts }
control: { socket: $at/neap.sock }
END
}

# --- certificates ---

# Makes them with openssl; gives the folder. NAME.crt and NAME.key for
#   ca, other (a CA nobody knows), server (127.0.0.1, localhost, ::1), wrong (another name), expired, future (not valid
#   yet), client (signed by ca), stranger (a client's, signed by other), and self (signed by itself).
sub certificates {
    my $at = temp_dir();
    my @key = qw(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes);
    my $ours = 'subjectAltName=IP:127.0.0.1,DNS:localhost,IP:::1';
    my $openssl = sub {
        my ($status, $out, $err) = run_command('openssl', @_);
        die "openssl @_: $out$err" if $status != 0;
    };
    for my $ca (qw(ca other self)) {
        $openssl->('req', '-x509', @key, '-keyout', "$at/$ca.key", '-out', "$at/$ca.crt", '-days', 30,
            '-subj', "/CN=neap test $ca", $ca eq 'self' ? ('-addext', $ours) : ());
    }
    my $issue = sub {
        my ($name, $ca, $names, @validity) = @_;
        $openssl->('req', @key, '-keyout', "$at/$name.key", '-out', "$at/$name.csr", '-subj', "/CN=neap test $name");
        spew("$at/$name.ext", "$names\n");
        spew("$at/$name.index", '');
        spew("$at/$name.cnf", "[ca]\ndefault_ca=x\n[x]\ndatabase=$at/$name.index\nnew_certs_dir=$at\n"
                . "rand_serial=yes\ndefault_md=sha256\npolicy=p\nunique_subject=no\n[p]\ncommonName=supplied\n");
        $openssl->('ca', '-batch', '-notext', '-config', "$at/$name.cnf", '-cert', "$at/$ca.crt",
            '-keyfile', "$at/$ca.key", '-in', "$at/$name.csr", '-out', "$at/$name.crt", '-extfile', "$at/$name.ext",
            @validity ? @validity : ('-days', 30));
    };
    my $date = sub { return POSIX::strftime('%Y%m%d%H%M%SZ', gmtime(time + 86400 * $_[0])) };
    $issue->('server', 'ca', $ours);
    $issue->('wrong', 'ca', 'subjectAltName=DNS:broker.example');
    $issue->('expired', 'ca', $ours, '-startdate', $date->(-20), '-enddate', $date->(-10));
    $issue->('future', 'ca', $ours, '-startdate', $date->(10), '-enddate', $date->(20));
    $issue->('client', 'ca', 'extendedKeyUsage=clientAuth');
    $issue->('stranger', 'other', 'extendedKeyUsage=clientAuth');
    return $at;
}

1;
