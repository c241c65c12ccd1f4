#!/usr/bin/perl
# tools/embed: what the compiled table holds is what the files held, whatever the text.
use strict;
use warnings;
use Cwd qw(getcwd);
use File::Path qw(make_path);
use File::Temp qw(tempdir);
use Test::More;

my $root = getcwd();
my $dir  = tempdir(CLEANUP => 1);

sub spew {
    my ($name, $text) = @_;
    open(my $fh, '>:raw', "$dir/$name") or die "$dir/$name: $!";
    print $fh $text;
    close($fh) or die "$dir/$name: $!";
}

my %module = (
    'neap'       => ['init.lua',     "return 1\n"],
    'neap.plain' => ['plain.lua',    "return { a = 'b' }\n"],
    'neap.empty' => ['empty.lua',    ''],
    'neap.hard'  => ['hard.lua',     qq{local s = "\\"\\\\\\n" -- ??) ??/ \t %s %d \\\n-- \r\n-- \xc3\xa9 \xff \x01\n/* */\n\n}],
    'neap.sub.x' => ['sub/x.lua',    "return [[\n" . ('long ' x 2000) . "\n]]\n"],
    'neap.tail'  => ['tail.lua',     "no newline at the end"],
);
make_path("$dir/lua/neap/sub");
spew("lua/neap/$_->[0]", $_->[1]) for values %module;
spew('dump.c', <<'END');
#include <stdio.h>
#include "lua/embed.h"
int main(void)
{
	for (const struct embedded_file *file = neap_embedded; file->name; file++) {
		printf("%s %zu\n", file->name, file->length);
		fwrite(file->source, 1, file->length, stdout);
	}
	return 0;
}
END

my $files = join ' ', map { "lua/neap/$_->[0]" } values %module;
is(system("cd $dir && $root/tools/embed $files >embed.c"), 0, 'embed runs');
my $cc = 'cc';    # not $CC: what it makes must run here
is(system("cd $dir && $cc -std=c11 -Wall -Wextra -Werror -I$root -o dump dump.c embed.c"), 0, 'its output compiles, without a warning');
my $out = `$dir/dump`;
my %got;
while ($out =~ s/^(\S+) (\d+)\n//) {
    $got{$1} = substr($out, 0, $2, '');
}
is_deeply([sort keys %got], [sort keys %module], 'modules have the names that require takes');
for my $name (sort keys %module) {
    my $want = $module{$name}[1];
    $want .= "\n" if $want ne '' && $want !~ /\n\z/;
    is($got{$name}, $want, "$name: the same text");
}
is(system("cd $dir && $root/tools/embed >none.c && $cc -std=c11 -I$root -c -o none.o none.c"), 0, 'no file at all is fine');
done_testing();
