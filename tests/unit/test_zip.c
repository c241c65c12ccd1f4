/* unzip is the judge. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/fileio.h"
#include "core/catalog/zip.h"

static void unzip_reads_it(void **state)
{
	(void)state;
	if (system("unzip -v >/dev/null 2>&1") != 0)
		skip();
	char dir[] = "/tmp/neap-test-zip-XXXXXX";
	assert_non_null(mkdtemp(dir));
	assert_int_equal(chdir(dir), 0);

	struct zip zip = {0};
	struct buf large = {0}, archive = {0}, again = {0};
	for (int i = 0; i < 20000; i++)
		buf_printf(&large, "line %d\n", i);
	for (int round = 0; round < 2; round++) {
		zip_add(&zip, "model.app", "<xml/>\n", 7);
		zip_add(&zip, "empty", NULL, 0);
		zip_add(&zip, "dir/large \xc3\xa4.txt", large.data, large.len);
		zip_finish(&zip, round ? &again : &archive);
	}
	assert_int_equal(archive.len, again.len);
	assert_memory_equal(archive.data, again.data, archive.len);

	assert_int_equal(fileio_replace("x.zip", archive.data, archive.len, 0600, NULL), 0);
	assert_int_equal(system("unzip -tq x.zip >/dev/null"), 0);
	assert_int_equal(system("test \"$(unzip -p x.zip model.app)\" = '<xml/>'"), 0);
	assert_int_equal(system("test $(unzip -p x.zip 'dir/*' | wc -l) = 20000"), 0);
	assert_int_equal(system("test $(unzip -Z1 x.zip | wc -l) = 3"), 0);

	/* a byte of the content changed: the checksum tells */
	archive.data[30 + 9] ^= 1;
	assert_int_equal(fileio_replace("x.zip", archive.data, archive.len, 0600, NULL), 0);
	assert_int_not_equal(system("unzip -tq x.zip >/dev/null 2>&1"), 0);
	unlink("x.zip");
	assert_int_equal(chdir("/"), 0);
	rmdir(dir);
	buf_free(&large);
	buf_free(&archive);
	buf_free(&again);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(unzip_reads_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
