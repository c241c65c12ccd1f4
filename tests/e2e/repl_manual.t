# The sessions of docs/repl.md, typed at a real terminal: what the manual shows is what happens.
# NEAP_REPLAY=1 prints what the terminal shows, for who writes the manual.
use strict;
use warnings;
use Test::More;
use NeapTest;

plan skip_all => 'tmux is not installed' if system('command -v tmux >/dev/null 2>&1') != 0;

my $manual   = slurp('docs/repl.md');
my ($lua)    = $manual =~ /^```lua\n(.*?)^```/ms or BAIL_OUT('no script in docs/repl.md');
my @sessions = $manual =~ /^```console\n(.*?)^```/msg;
cmp_ok(scalar(@sessions), '>=', 5, 'sessions in the manual');

my $config = write_config(start_broker(), scripts => { 'machine.lua' => $lua });
my $neap   = start_neap($config);
$neap->wait_state('connected');

my $home   = temp_dir();
my $socket = test_dir() . '/tmux';
my $bin    = $ENV{NEAP_BIN} // root_dir() . '/build/rel/neap';
spew("$home/neap", qq(#!/bin/sh\ncommand=\$1\nshift\nexec $bin "\$command" -c $config "\$@"\n), 0755);
sub tmux { return run_command('tmux', '-S', $socket, '-f', '/dev/null', @_) }
END { local $?; tmux('kill-server') if defined $socket && -S $socket }

sub screen {
    my (undef, $text) = tmux('capture-pane', '-p', '-J', '-S', '-');
    $text =~ s/ +$//mg;
    return $text =~ s/\n+\z//r;
}
sub last_line { return (split /\n/, screen())[-1] // '' }
sub appears { my ($check, $what) = @_; return eval { wait_for($check, 20, $what) } }

# A line of the manual as a pattern.
sub pattern_of {
    my ($line) = @_;
    return '(?:.*\n)*?' if $line =~ /^\.\.\.$/;
    my $like = join('.*?', map { quotemeta } split /‹.*?›/, $line, -1) . '\n';
    return $like =~ s/(?:\\ ){2,}/ +/gr;    # columns
}

my $prompt = qr/^(\$|neap>|   >)$/;
my $leaks = $ENV{LSAN_OPTIONS} ? "LSAN_OPTIONS=$ENV{LSAN_OPTIONS}" : '';    # where it is built with a sanitizer
for my $session (@sessions) {
    my @lines = split /\n/, $session;
    tmux('new-session', '-d', '-x', '100', '-y', '100',
        "env -i $leaks HOME=$home PATH=$home:/usr/bin:/bin TERM=screen NO_COLOR=1 PS1='\$ ' LC_ALL=C /bin/sh");
    my $typed = 1;
    for my $i (0 .. $#lines) {
        my ($input) = $lines[$i] =~ /^(?:\$|neap>|   >) (.+)/;
        if (defined $input) {
            $typed &&= appears(sub { last_line() =~ $prompt }, 'a prompt') or last;
            tmux('send-keys', '-l', $input);
            appears(sub { (my $flat = last_line()) =~ /\Q$input\E$/ }, 'the line');
            tmux('send-keys', 'Enter');
            appears(sub { last_line() !~ /\Q$input\E$/ }, 'the answer') if $i < $#lines;
        } elsif ($lines[$i] =~ /^\^C/) {
            my $before = $lines[ $i - 1 ] eq '...' ? $lines[ $i - 2 ] : $lines[ $i - 1 ];
            my $like   = pattern_of($before);
            appears(sub { (screen() . "\n") =~ /$like/ }, 'what is waited for') if !$ENV{NEAP_REPLAY};
            appears(sub { screen() =~ /acknowledged/ }, 'an acknowledgement') if $ENV{NEAP_REPLAY};
            tmux('send-keys', 'C-c');
        }
    }
    appears(sub { last_line() =~ $prompt }, 'the last prompt');
    my $seen = screen() . "\n";
    print STDERR "$seen\n-----\n" if $ENV{NEAP_REPLAY};
    push(@lines, '$') if $lines[-1] ne '$';
    my $like = join('', map { pattern_of($_) } @lines);
    ok($seen =~ /\A$like\z/, "the session with " . (grep { /^(?:neap>|\$) / } @lines)[1]) or diag("the terminal shows:\n$seen\n", difference($seen, @lines));
    tmux('kill-server');
}

# The first line of the manual that is not seen.
sub difference {
    my ($seen, @lines) = @_;
    my $like = '';
    for my $line (@lines) {
        $like .= pattern_of($line);
        return "not seen: $line\n" if $seen !~ /\A$like/;
    }
    return "something follows\n";
}

is($neap->stop, 0, 'a clean stop');
done_testing;
