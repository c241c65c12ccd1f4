/* LD_PRELOAD: strftime never comes back for the year 1977, as a driver or a library may never come back. */
#include <dlfcn.h>
#include <stdbool.h>
#include <time.h>

size_t strftime(char *s, size_t maxsize, const char *format, const struct tm *tp)
{
	static size_t (*real)(char *, size_t, const char *, const struct tm *);
	volatile bool stuck = tp->tm_year == 77;

	while (stuck)
		;
	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "strftime");
	return real(s, maxsize, format, tp);
}
