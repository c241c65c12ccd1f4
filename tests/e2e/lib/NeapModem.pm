# A cellular modem for tests: a process at the master's side of a pty pair, whose other side neap opens.
#
#   use NeapModem;
#   my $modem = start_modem();      # $modem->{port} is the device
#   $modem->{program}->tell('sim off', 'slow on');
#
# What it is told: `sim on|off`; `slow on|off` (each answer byte by byte, over half a second); `dead on|off` (takes all, says
# nothing); `chatter on|off` (lines that nobody asked for, before and within each answer); `echo on|off`. All but sim and
# echo are off at first. Knows AT+CPIN?, +CSQ, +CREG?, +CEREG?, +COPS.
package NeapModem;
use strict;
use warnings;
use Exporter qw(import);
use IO::Select;
use NeapTest;
use POSIX ();
use Time::HiRes qw(sleep);

our @EXPORT = qw(start_modem open_pty);

# The numbers of ioctl(2): as on most processors, and as on mips.
my $mips = (POSIX::uname())[4] =~ /^mips/;
my ($UNLOCK, $NUMBER) = $mips ? (0x80045431, 0x40045430) : (0x40045431, 0x80045430);

# A new pair: the master's handle, and the path of the other side.
sub open_pty {
    open(my $master, '+<', '/dev/ptmx') or die "/dev/ptmx: $!";
    my $number = pack('i', 0);
    ioctl($master, $UNLOCK, $number) && ioctl($master, $NUMBER, $number) or die "ioctl: $!";
    return ($master, '/dev/pts/' . unpack('i', $number));
}

my %is = (sim => 1, echo => 1, slow => 0, dead => 0, chatter => 0);

sub answer_to {
    my ($command) = @_;
    my $registered = $is{sim} ? 1 : 0;
    return "+CME ERROR: 10" if $command eq 'AT+CPIN?' && !$is{sim};
    return '+CPIN: READY' if $command eq 'AT+CPIN?';
    return '+CSQ: ' . ($is{sim} ? '20,99' : '99,99') if $command eq 'AT+CSQ';
    return "+CREG: 0,$registered" if $command eq 'AT+CREG?';
    return "+CEREG: 0,$registered" if $command eq 'AT+CEREG?';
    return '' if $command =~ /^AT\+COPS=3/;
    return $is{sim} ? '+COPS: 0,0,"Example Mobile",7' : '+COPS: 0' if $command eq 'AT+COPS?';
    return 'ERROR';
}

sub answer {
    my ($master, $command) = @_;
    return if $is{dead};
    my $answer = answer_to($command);
    my $chatter = $is{chatter} ? "\r\n+CREG: 2\r\n\r\n^RSSI: 7\r\n" : '';
    my $text = ($is{echo} ? "$command\r" : '') . $chatter . (length $answer ? "\r\n$answer\r\n" : '') . $chatter
        . ($answer =~ /ERROR/ ? '' : "\r\nOK\r\n");
    for my $piece ($is{slow} ? split(//, $text) : $text) {
        syswrite($master, $piece);
        sleep(0.5 / length $text) if $is{slow};
    }
    return;
}

# Called by the process that is the modem.
sub serve {
    my ($master, $path) = open_pty();
    open(my $other, '+<', $path) or die "$path: $!";    # else the master is hung up while nobody has it open
    system('stty', '-F', $path, 'raw', '-echo') == 0 or die "stty: $?";
    local $| = 1;
    print "port $path\n";
    my $select = IO::Select->new($master, \*STDIN);
    my ($came, $told) = ('', '');
    while (1) {
        for my $ready ($select->can_read) {
            my $from_master = $ready == $master;
            sysread($ready, my $bytes, 1000) or return;
            if ($from_master) { $came .= $bytes }
            else              { $told .= $bytes }
            $is{$1} = $2 eq 'on' while $told =~ s/^(\w+) (on|off)\n//;
            answer($master, $1) while $came =~ s/^([^\r]*)\r//;
        }
    }
    return;
}

sub start_modem {
    my $program = start_program({ name => 'modem', input => 1 }, $^X, '-I' . root_dir() . '/tests/e2e/lib', '-MNeapModem', '-e',
        'NeapModem::serve()');
    $program->wait_log(qr/^port \S+$/m);
    my ($port) = $program->log =~ /^port (\S+)$/m;
    return { program => $program, port => $port };
}

1;
