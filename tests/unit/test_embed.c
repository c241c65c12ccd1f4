/* The embedded Lua library: each entry is complete, and the table ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lua/embed.h"

static void entries_are_whole(void **state)
{
	(void)state;
	for (const struct embedded_file *file = neap_embedded; file->name; file++) {
		assert_int_equal(strncmp(file->name, "neap", 4), 0);
		assert_int_equal(strlen(file->source), file->length);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(entries_are_whole),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
