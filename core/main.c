#include <stdio.h>
#include <string.h>

static const char usage[] = "usage: neap --version | help\n";

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--version") == 0)
		return printf("neap " NEAP_VERSION "\n") < 0;
	if (argc == 2 && strcmp(argv[1], "help") == 0)
		return fputs(usage, stdout) < 0;
	fprintf(stderr, "neap: unknown command: %s\n%s", argc > 1 ? argv[1] : "(none)", usage);
	return 2;
}
