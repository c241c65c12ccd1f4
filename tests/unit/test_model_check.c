/* What the scripts declare against models: our own, and others. */
#include "core/base/fileio.h"
#include "core/catalog/model.h"
#include "core/catalog/model_check.h"
#include "core/catalog/zip.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[64], zip_path[96];

static int set_up(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/neap-test-check-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	strcpy(zip_path, folder);
	strcat(zip_path, "/app.zip");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	unlink(zip_path);
	return rmdir(folder);
}

static struct catalog *device(void)
{
	static struct owner owner = {.name = "machine"};
	struct param quick = {.name = "quick",
	    .type = VALUE_BOOLEAN,
	    .has_default = true,
	    .fallback.type = VALUE_BOOLEAN};
	struct param delay = {.name = "delay",
	    .type = VALUE_INT,
	    .limits = {true, true, 0, 60},
	    .has_default = true,
	    .fallback = {.type = VALUE_INT, .integer = 5},
	    .next = &quick};
	const struct entry entries[] = {
	    {.path = "machine.temperature", .type = VALUE_DOUBLE, .where = "machine.lua:1"},
	    {.path = "machine.indoor.air.humidity", .type = VALUE_INT, .where = "machine.lua:2"},
	    {.path = "machine.threshold",
	        .kind = ENTRY_SETTING,
	        .type = VALUE_INT,
	        .where = "machine.lua:3"},
	    {.path = "machine.reset",
	        .kind = ENTRY_COMMAND,
	        .params = &delay,
	        .where = "machine.lua:4"},
	};
	struct catalog *catalog = catalog_new();
	struct draft *draft = draft_new(&owner);
	struct problems problems = {0};

	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++)
		assert_int_equal(draft_add(draft, &entries[i], NULL), 0);
	assert_int_equal(catalog_install(catalog, draft, &problems), 0);
	return catalog;
}

static void write_app(const char *xml)
{
	struct zip zip = {0};
	struct buf archive = {0};

	zip_add(&zip, "model.app", xml, strlen(xml));
	zip_finish(&zip, &archive);
	assert_int_equal(fileio_replace(zip_path, archive.data, archive.len, 0600, NULL), 0);
	buf_free(&archive);
}

static void expect(const char *expected)
{
	struct catalog *catalog = device();
	struct problems differences = {0};
	struct buf text = {0};
	struct err err = {0};

	if (model_check(zip_path, catalog, "REST", &differences, &err) < 0)
		buf_printf(&text, "! %s\n", err.text + strlen(zip_path) + 2);
	for (size_t i = 0; i < differences.count; i++)
		buf_printf(
		    &text, "%s %s\n", differences.list[i].warning ? "w" : "e", differences.list[i].text);
#ifndef HAVE_EXPAT
	expected = "! this neap was built without expat, which reads models\n";
#endif
	assert_string_equal(buf_str(&text), expected);
	buf_free(&text);
	problems_free(&differences);
	catalog_free(catalog);
}

static void our_own_model_agrees(void **state)
{
	const struct model_options options = {.type = "t", .name = "n", .revision = "1"};
	struct catalog *catalog = device();

	(void)state;
	assert_int_equal(model_write(zip_path, catalog, &options, NULL), 0);
	expect("");
	catalog_free(catalog);
}

#define HEAD                                                                                \
	"<?xml version='1.0' encoding='ISO-8859-1'?>\n<app:application xmlns:app='x' type='t' " \
	"name='n\xe4' revision='1'><capabilities><communication><protocol comm-id='SERIAL' "    \
	"type='REST'/></communication><data><encoding type='REST'>"
#define TAIL        "</encoding></data></capabilities></app:application>"
#define TEMPERATURE "<variable path='temperature' type='double' default-label='T&#228;'/>"
#define THRESHOLD   "<setting path='threshold' type='int'/>"
#define HUMIDITY \
	"<node path='indoor'><node path='air'><variable path='humidity' type='int'/></node></node>"
#define DELAY                                                                          \
	"<parameter id='delay' type='int' default-value='5'><constraints><bounds min='0' " \
	"max='60'/></constraints></parameter>"
#define QUICK          "<parameter id='quick' type='boolean' default-value='false'/>"
#define RESET          "<command id='reset'>" DELAY QUICK "</command>"
#define ASSET(content) "<asset id='machine'>" content "</asset>"

static const struct {
	const char *xml, *differences;
} rows[] = {
    {HEAD ASSET(TEMPERATURE THRESHOLD HUMIDITY RESET) TAIL, ""},
    /* a path with dots instead of nodes; two assets of the same name */
    {HEAD ASSET(TEMPERATURE THRESHOLD "<variable path='indoor.air.humidity' type='int'/>")
            ASSET("<command path='reset'>" DELAY QUICK "</command>") TAIL,
        ""},
    {HEAD ASSET(THRESHOLD HUMIDITY RESET) TAIL,
        "e machine.temperature: the model does not have this variable (machine.lua:1)\n"},
    {HEAD ASSET(TEMPERATURE THRESHOLD HUMIDITY RESET
         "<event path='alarm' type='int'/><setting path='speed' type='int'/>") TAIL,
        "e machine.alarm: no script declares this event of the model\n"
        "e machine.speed: no script declares this setting of the model\n"},
    {HEAD ASSET("<setting path='temperature' type='double'/>"
                "<event path='threshold' type='int'/>" HUMIDITY RESET) TAIL,
        "e machine.temperature: a variable here (machine.lua:1), a setting in the model\n"
        "e machine.threshold: a setting here (machine.lua:3), an event in the model\n"},
    {HEAD ASSET("<variable path='temperature' type='int'/>"
                "<setting path='threshold'/>" HUMIDITY RESET) TAIL,
        "e machine.temperature: double here (machine.lua:1), int in the model\n"
        "e machine.threshold: int here (machine.lua:3), none in the model\n"},
    {HEAD ASSET(TEMPERATURE THRESHOLD HUMIDITY
         "<command id='reset'><parameter id='delay' type='double'><constraints><bounds "
         "max='90'/></constraints></parameter><parameter id='slow' type='int'/>"
         "</command>") TAIL,
        "e machine.reset: parameter delay: int here (machine.lua:4), double in the model\n"
        "e machine.reset: parameter delay: its minimum is 0 here (machine.lua:4), none in the "
        "model\n"
        "e machine.reset: parameter delay: its maximum is 60 here (machine.lua:4), 90 in the "
        "model\n"
        "w machine.reset: parameter delay: its default is 5 here (machine.lua:4), none in the "
        "model\n"
        "w machine.reset: the model has no parameter quick (machine.lua:4)\n"
        "e machine.reset: the model has a parameter slow, the script has not (machine.lua:4)\n"},
    {"<application><encoding type='MQTT'>" ASSET(
         TEMPERATURE THRESHOLD HUMIDITY RESET) "</encoding></application>",
        "e the model's encoding is not REST, as the dialect asks for\n"},
    {"<application><encoding type='MQTT'>" ASSET(
         TEMPERATURE) "</encoding><encoding type='REST'>" ASSET(TEMPERATURE THRESHOLD HUMIDITY
             RESET) "</encoding></application>",
        ""},
    {"<application><asset", "! model.app:1:14: unclosed token\n"},
    {"<application>\n<asset></application>", "! model.app:2:10: mismatched tag\n"},
    {"<!DOCTYPE a [<!ENTITY b 'c'>]><application/>",
        "! model.app:1:13: a DOCTYPE is not allowed\n"},
    {"<application/>",
        "e machine.indoor.air.humidity: the model does not have this variable (machine.lua:2)\n"
        "e machine.reset: the model does not have this command (machine.lua:4)\n"
        "e machine.temperature: the model does not have this variable (machine.lua:1)\n"
        "e machine.threshold: the model does not have this setting (machine.lua:3)\n"},
};

static void differences_are_told_by_path(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		write_app(rows[i].xml);
		expect(rows[i].differences);
	}
}

static void what_is_no_model_is_told(void **state)
{
	struct zip zip = {0};
	struct buf archive = {0};

	(void)state;
	zip_add(&zip, "model.txt", "x", 1);
	zip_finish(&zip, &archive);
	assert_int_equal(fileio_replace(zip_path, archive.data, archive.len, 0600, NULL), 0);
	buf_free(&archive);
	expect("! there is no *.app file in it\n");
	assert_int_equal(fileio_replace(zip_path, "", 0, 0600, NULL), 0);
	expect("! this is no zip archive, or its end is missing\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(our_own_model_agrees, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(differences_are_told_by_path, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(what_is_no_model_is_told, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
