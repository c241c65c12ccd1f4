# A web server for tests, on 127.0.0.1, in a process of its own, which ends with the test.
#
#   use NeapWeb;
#   my $url = start_web('/p.ipk' => 'the package')->{url};      # "http://127.0.0.1:12345"
#
# What it serves besides the files that are given: /echo (what it was asked, as JSON), /status/N, /bytes/N, /slow (nothing
# until the other side hangs up), /to/PATH (a redirect to /PATH), /cut (less than it promised).
package NeapWeb;
use strict;
use warnings;
use Exporter qw(import);
use IO::Socket::INET;
use JSON::PP ();
use NeapTest;

our @EXPORT = qw(start_web);

# Called by the process that is the server.
sub serve {
    my ($files) = @_;
    my $listener = IO::Socket::INET->new(Listen => 20, LocalAddr => '127.0.0.1') or die "listen: $@";
    local $| = 1;
    print 'port ', $listener->sockport, "\n";
    while (my $client = $listener->accept) {
        my $pid = fork // die "fork: $!";
        next if $pid && close $client;
        local $SIG{ALRM} = 'DEFAULT';
        alarm 90;
        answer($client, JSON::PP->new->decode($files));
        exit 0;
    }
    return;
}

sub answer {
    my ($client, $files) = @_;
    my ($method, $path) = (readline($client) // '') =~ /^(\S+) (\S+)/ or return;
    my %headers;
    while (defined(my $line = readline $client)) {
        my ($name, $value) = $line =~ /^([^:]+):\s*(.*?)\r?\n/ or last;
        $headers{ lc $name } = $value;
    }
    read($client, my $body = '', $headers{'content-length'} // 0);
    while (($headers{'transfer-encoding'} // '') eq 'chunked') {
        my $size = hex(readline($client) =~ /^(\w+)/ ? $1 : 0) or last;
        read($client, $body, $size, length $body);
        readline $client;
    }
    my ($status, $more, $text) = ('200 OK', '', '');
    if (defined $files->{$path}) { $text = $files->{$path} }
    elsif ($path =~ m{^/echo}) {
        $text = JSON::PP->new->canonical->encode({ method => $method, path => $path, headers => \%headers, body => $body });
    }
    elsif ($path =~ m{^/bytes/(\d+)}) { $text = 'x' x $1 }
    elsif ($path =~ m{^/to(/.*)}) { ($status, $more) = ('302 Found', "Location: $1\r\n") }
    elsif ($path eq '/slow') { read($client, my $end, 1) }
    elsif ($path eq '/cut') { $more = "Content-Length: 100\r\n" }
    else { ($status, $text) = ($path =~ m{^/status/(\d+)} ? "$1 Some" : '404 Not Found', 'the reason') }
    $more .= 'Content-Length: ' . length($text) . "\r\n" if $path ne '/cut';
    print {$client} "HTTP/1.1 $status\r\nConnection: close\r\nX-Test: one\r\nX-Test: two\r\n$more\r\n", $method eq 'HEAD' ? '' : $text;
    close $client;
    return;
}

sub start_web {
    my (%files) = @_;
    my $files  = JSON::PP->new->ascii->encode(\%files);
    my $server = start_program({ name => 'web' }, $^X, '-I' . root_dir() . '/tests/e2e/lib', '-MNeapWeb', '-e',
        '$SIG{CHLD} = "IGNORE"; NeapWeb::serve($ARGV[0])', $files);
    $server->wait_log(qr/^port \d+$/m);
    my ($port) = $server->log =~ /^port (\d+)$/m;
    return { port => $port, url => "http://127.0.0.1:$port", server => $server };
}

1;
