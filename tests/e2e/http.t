# http.get, http.post, http.request: the same with each program that can do it, as far as it can.
use strict;
use warnings;
use NeapTest;
use NeapWeb;
use Test::More;

my $web    = start_web('/file' => "line\n");
my $url    = $web->{url};
my $config = write_config(undef, scripts => { 'machine.lua' => '' });
my $dir    = temp_dir();
my @run    = split ' ', $ENV{NEAP_RUN} // '';
my $path;
$run[0] = which($run[0]) if @run; # PATH is another for it

sub which {
    my ($name) = @_;
    my ($there) = grep { -x } map { "$_/$name" } split /:/, $ENV{PATH};
    return $there;
}

# A folder of programs in the place of PATH: what the shell of a small device has, and $name, which is $program.
sub path_with {
    my ($name, $program, @before) = @_;
    my $at = temp_dir();
    for my $tool (qw(sh env)) {
        symlink(which($tool), "$at/$tool") or die "$at/$tool: $!";
    }
    return $at if !$name;
    return spew("$at/$name", "#!/bin/sh\n" . join('', map { "$_\n" } @before) . "exec $program \"\$@\"\n", 0755) && $at;
}

sub lua {
    my ($chunk) = @_;
    my ($status, $out, $err) = run_command(which('env'), "PATH=$path", @run, $ENV{NEAP_BIN} // root_dir() . '/build/rel/neap',
        'repl', '-c', $config, '--offline', '-e', $chunk);
    return $status == 0 ? $out =~ s/\n\z//r : "$out$err" =~ s/\n.*//sr;
}

# The fields of an answer, or the error.
sub answer {
    my ($chunk) = @_;
    my $out = lua("print(cjson.encode($chunk))");
    return $out =~ /^\{/ ? decode($out) : $out;
}

sub echo { my $got = answer($_[0]); return ref $got ? decode($got->{body}) : { error => $got } }

# What all of them do.
sub common {
    my ($name, $has) = @_;
    my $got = answer("http.get('$url/file')");
    is(ref $got ? "$got->{status} $got->{body}" : $got, "200 line\n", "$name: get");
    is($got->{headers}{'x-test'}, 'one, two', "$name: headers of the answer") if $has->{headers};
    $got = echo("http.get('$url/echo?a=1&b=%20', { headers = { ['X-One'] = 'a \"quoted\\\\ one', ['X-Two'] = 2 } })");
    is("$got->{method} $got->{path} $got->{headers}{'x-one'} $got->{headers}{'x-two'}", 'GET /echo?a=1&b=%20 a "quoted\\ one 2',
        "$name: headers of the request") or diag(explain($got));
    is(echo("http.get('$url/echo', { user = 'me', password = 'pass:word' })")->{headers}{authorization},
        'Basic bWU6cGFzczp3b3Jk', "$name: name and password");
    $got = echo("http.post('$url/echo', '{\"a\":\"\\\\n\"}\\n\\nend', { type = 'application/json' })");
    is("$got->{method} $got->{body}", "POST {\"a\":\"\\n\"}\n\nend", "$name: post");
    is($got->{headers}{'content-type'}, 'application/json', "$name: its type");
    is(echo("http.request{ url = '$url/echo', method = 'PUT', body = 'x' }")->{method}, 'PUT', "$name: put") if $has->{put};
    is(length(answer("http.get('$url/to/bytes/30000')")->{body}), 30000, "$name: a redirect");

    like(lua("try(http.get, '$url/status/404?token=secret')"),
        qr{^nil\t?\n?"http\.get: \Q$url\E/status/404: the server answers with status 404"\n"HTTP"$}, "$name: a status that is none of success");
    is(answer("http.get('$url/status/503', { check = false })")->{status}, 503, "$name: ... unless it is looked at");
    like(lua('try(http.get, "http://127.0.0.1:1/x?token=secret")'), qr{^nil\n"http\.get: http://127\.0\.0\.1:1/x: $name: .*"\n"ERROR"$}i,
        "$name: no connection");
    like(lua('try(http.get, "http://no-such-host.invalid/")'), qr{^nil\n"http\.get: http://no-such-host\.invalid/: $name: .*"\n"ERROR"$}i, "$name: no such host");
    like(lua("try(http.get, '$url/slow', { timeout = '500ms' })"), qr{/slow: took longer than 500ms"\n"ETIMEDOUT"$}, "$name: the time");
    like(lua("try(http.get, '$url/bytes/3000', { limit = '2KB' })"), qr{: is larger than its limit of 2048 bytes"\n"ENOBUFS"$}, "$name: the limit");
    like(lua("try(http.get, '$url/bytes/300000', { limit = '2KB' })"), qr{: is larger than its limit of 2048 bytes"\n"ENOBUFS"$}, "$name: far above it");
    like(lua("try(http.get, '$url/cut')"), qr{/cut: $name: .*"\n"ERROR"$}i, "$name: less than was promised") if $has->{cut};

    my $file = "$dir/$name";
    is(lua("local r = http.get('$url/bytes/100000', { to = '$file' }) return r.status, r.body"), "200\nnil", "$name: into a file");
    is(-s $file, 100000, "$name: it is there");
    like(lua("try(http.get, '$url/bytes/5000', { to = '$file', limit = '4KB' })"), qr{limit of 4096 bytes"\n"ENOBUFS"$}, "$name: its limit");
    like(lua("try(http.get, '$url/status/404', { to = '$file' })"), qr{status 404"\n"HTTP"$}, "$name: none to get");
    is(-s $file, 100000, "$name: then it is as it was");
    ok(!-e "$file.part", "$name: and nothing is left");
    return;
}

my %programs = (
    'curl'          => { headers => 1, put => 1, cut => 1, real => which('curl') },
    'uclient-fetch' => { put => 1, real => which('uclient-fetch') },
    'wget' => { headers => 1, put => 1, cut => 1, real => which('wget') },
    'busybox wget' => { headers => 1, real => which('busybox') && which('busybox') . ' wget' },
);
for my $program (sort keys %programs) {
    my $has = $programs{$program};
SKIP: {
        skip "there is no $program here", 1 if !$has->{real};
        my ($name) = $program =~ /(\S+)$/;
        note($program);
        $path = path_with($name, $has->{real});
        common($name, $has);
    }
}

$path = path_with();
is(lua("try(http.get, '$url/file')"), qq(nil\n"http.get: $url/file: this device has none of curl, uclient-fetch and wget"\n"ENOENT"), 'no program');

# --- what only curl can ---
SKIP: {
    skip 'there is no curl here', 1 if !which('curl');
    $path = path_with('curl', which('curl'), "tr '\\0' ' ' </proc/\$\$/cmdline >>$dir/seen", "env >>$dir/seen");
    symlink(which('tr'), "$path/tr");
    my $got = echo("http.post('$url/echo?hunter1', 'hunter2', { user = 'hunter3', password = 'hunter4', headers = { Key = 'hunter5' } })");
    is("$got->{path} $got->{body} $got->{headers}{key}", '/echo?hunter1 hunter2 hunter5', 'curl is told') or diag(explain($got));
    like(slurp("$dir/seen"), qr/curl -q -K /, 'by its input');
    unlike(slurp("$dir/seen"), qr/hunter/, 'no secret is in its arguments or its environment');
    $got = echo("http.post('$url/echo', '\\0' .. ('\\0\\1\\n\\n'):rep(2000))");
    ok($got->{body} eq "\0" . "\0\1\n\n" x 2000, 'a body of bytes');
    is(answer("http.request{ url = '$url/file', method = 'HEAD' }")->{headers}{'content-length'}, 5, 'HEAD');
    is(answer("http.request{ url = '$url/to/file', method = 'POST', check = false }")->{headers}{location}, '/file', 'a redirect of a POST is not followed');
    like(lua("try(http.get, '$url/to/to/to/to/to/to/file')"), qr{curl: Maximum \(5\) redirects}, 'nor is one after the other for ever');

    my $certificates = certificates();
    my $port = free_port();
    my $server = start_program({ name => 'https' }, 'openssl', 's_server', '-quiet', '-www', '-accept', "127.0.0.1:$port",
        '-cert', "$certificates/server.crt", '-key', "$certificates/server.key");
    wait_for(sub { lua("http.get('https://localhost:$port/', { ca = '$certificates/ca.crt' }).status") eq '200' }, 20, 'https');
    pass('https');
    like(lua("try(http.get, 'https://localhost:$port/', { ca = '$certificates/other.crt' })"), qr{curl: SSL certificate problem}, 'of somebody else');
}

# --- wrong use ---
my @wrong = (
    ['http.get()', 'http.get: argument 1 is missing'],
    ['http.get("ftp://x/")', 'http.get: the url must begin with "http://" or "https://"'],
    ['http.get("http://x/a b")', 'and hold no blanks'],
    ['http.get("http://me:secret@x/")', 'http.get: the url holds a name or a password: use the fields'],
    ['http.get("http://x/", { timeuot = 1 })', 'there is no field "timeuot" (did you mean "timeout"?)'],
    ['http.get("http://x/", { headers = { ["A:"] = "b" } })', 'http.get: headers: "A:" is not the name of a header'],
    ['http.get("http://x/", { headers = { A = "b\r\nC: d" } })', 'http.get: headers: A must be one line of text'],
    ['http.get("http://x/", { to = "x" })', 'http.get: to must be the whole path of a file'],
    ['http.get("http://x/", { ca = "/x\ny" })', 'http.get: ca must be the whole path of a file'],
    ['http.post("http://x/")', 'http.post: argument 2 is missing'],
    ['http.request{ url = "http://x/", method = "get" }', 'http.request: the method must be a word such as "PUT"'],
    ['http.put("x")', 'http has no "put"'],
);
for my $row (@wrong) {
    like(lua("local r = $row->[0]"), qr/^console:1: .*\Q$row->[1]\E/, $row->[1]);
}
done_testing;
