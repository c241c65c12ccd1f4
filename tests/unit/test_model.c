/* The model's XML: the tutorial's machine, nodes, commands, texts that need escaping. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/fileio.h"
#include "core/catalog/model.h"

/* As printed in the vendor's tutorial. */
static const char tutorial[] =
    "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>\n"
    "<app:application "
    "xmlns:app=\"http://www.sierrawireless.com/airvantage/application/1.0\" \n"
    "        type=\"com.test.myapplication\" \n"
    "        name=\"My Application\" \n"
    "        revision=\"0.0.1\">\n"
    " <capabilities>\n"
    "  \n"
    "  <communication>\n"
    "   <protocol comm-id=\"SERIAL\" type=\"REST\" />\n"
    "  </communication>\n"
    "   \n"
    "  <data>\n"
    "   <encoding type=\"REST\">\n"
    "    <asset default-label=\"My Machine\" id=\"machine\">\n"
    "     <variable default-label=\"Temperature\" path=\"temperature\" type=\"double\"/>\n"
    "      <setting default-label=\"Threshold\" path=\"threshold\" type=\"int\"/>\n"
    "     </asset>\n"
    "   </encoding>\n"
    "  </data>  \n"
    "\n"
    " </capabilities>\n"
    "</app:application>\n";

static const struct model_options options = {
    .type = "com.test.myapplication", .name = "My Application", .revision = "0.0.1"};

static struct owner machine = {.name = "machine"};

static struct catalog *catalog_of(struct draft *draft)
{
	struct catalog *catalog = catalog_new();
	assert_int_equal(catalog_install(catalog, draft, NULL), 0);
	return catalog;
}

static void add(struct draft *draft, enum entry_kind kind, const char *path, enum value_type type,
    const char *label, struct param *params)
{
	struct entry entry = {
	    .path = path, .kind = kind, .type = type, .label = label, .params = params};
	struct err err;
	if (draft_add(draft, &entry, &err) < 0)
		fail_msg("%s", err.text);
}

static struct catalog *tutorials_machine(void)
{
	struct draft *draft = draft_new(&machine);
	add(draft, ENTRY_SETTING, "machine.threshold", VALUE_INT, "Threshold", NULL);
	add(draft, ENTRY_VARIABLE, "machine.temperature", VALUE_DOUBLE, "Temperature", NULL);
	draft_asset(draft, "machine", "My Machine");
	return catalog_of(draft);
}

/* Each test in a folder of its own. */
static int enter_folder(void **state)
{
	static char dir[40];
	strcpy(dir, "/tmp/neap-test-model-XXXXXX");
	*state = mkdtemp(dir);
	return *state ? chdir(dir) : -1;
}

static int leave_folder(void **state)
{
	static const char *const files[] = {"app.zip", "model.app", "tutorial.app", "a", "b"};
	for (size_t i = 0; i < sizeof files / sizeof *files; i++)
		unlink(files[i]);
	return chdir("/") < 0 ? -1 : rmdir(*state);
}

static void the_zip_holds_the_tutorials_model(void **state)
{
	(void)state;
	if (system("{ xmllint --version && unzip -v; } >/dev/null 2>&1") != 0)
		skip();
	struct catalog *catalog = tutorials_machine();
	assert_int_equal(model_write("app.zip", catalog, &options, NULL), 0);
	catalog_free(catalog);
	assert_int_equal(fileio_replace("tutorial.app", tutorial, sizeof tutorial - 1, 0600, NULL), 0);
	assert_int_equal(system("test \"$(unzip -Z1 app.zip)\" = model.app && unzip -q app.zip"), 0);
	assert_int_equal(system("xmllint --noblanks --c14n tutorial.app >a && "
	                        "xmllint --noblanks --c14n model.app >b && cmp a b"),
	    0);
}

static void expect_assets(struct draft *draft, const char *expected)
{
	struct catalog *catalog = catalog_of(draft);
	struct buf xml = {0};
	model_xml(catalog, &options, &xml);
	catalog_free(catalog);
	const char *begin = strstr(buf_str(&xml), "<encoding type=\"REST\">\n");
	char *end = strstr(xml.data, "   </encoding>");
	assert_non_null(begin);
	assert_non_null(end);
	*end = '\0';
	assert_string_equal(strchr(begin, '\n') + 1, expected);
	*end = ' ';

	/* and it is well-formed as a whole */
	assert_int_equal(fileio_replace("model.app", xml.data, xml.len, 0600, NULL), 0);
	assert_int_equal(
	    system("! xmllint --version 2>&1 | grep -q version || xmllint --noout model.app"), 0);
	buf_free(&xml);
}

static void nodes_follow_the_dots(void **state)
{
	(void)state;
	struct draft *draft = draft_new(&machine);
	add(draft, ENTRY_VARIABLE, "m.in.a.t", VALUE_DOUBLE, "", NULL);
	add(draft, ENTRY_VARIABLE, "m.in.b.t", VALUE_STRING, "", NULL);
	add(draft, ENTRY_VARIABLE, "m.in", VALUE_BOOLEAN, "", NULL);
	add(draft, ENTRY_VARIABLE, "m.in-1", VALUE_DATE, "", NULL);
	add(draft, ENTRY_VARIABLE, "m.inn.t", VALUE_BINARY, "", NULL);
	add(draft, ENTRY_VARIABLE, "n.in.a", VALUE_INT, "", NULL);
	expect_assets(draft, "    <asset default-label=\"m\" id=\"m\">\n"
	                     "     <variable default-label=\"in\" path=\"in\" type=\"boolean\"/>\n"
	                     "     <variable default-label=\"in-1\" path=\"in-1\" type=\"date\"/>\n"
	                     "     <node default-label=\"in\" path=\"in\">\n"
	                     "      <node default-label=\"a\" path=\"a\">\n"
	                     "       <variable default-label=\"t\" path=\"t\" type=\"double\"/>\n"
	                     "      </node>\n"
	                     "      <node default-label=\"b\" path=\"b\">\n"
	                     "       <variable default-label=\"t\" path=\"t\" type=\"string\"/>\n"
	                     "      </node>\n"
	                     "     </node>\n"
	                     "     <node default-label=\"inn\" path=\"inn\">\n"
	                     "      <variable default-label=\"t\" path=\"t\" type=\"binary\"/>\n"
	                     "     </node>\n"
	                     "    </asset>\n"
	                     "    <asset default-label=\"n\" id=\"n\">\n"
	                     "     <node default-label=\"in\" path=\"in\">\n"
	                     "      <variable default-label=\"a\" path=\"a\" type=\"int\"/>\n"
	                     "     </node>\n"
	                     "    </asset>\n");
	expect_assets(draft_new(&machine), "");
}

static void commands_have_parameters(void **state)
{
	(void)state;
	struct param hard = {.name = "hard", .type = VALUE_BOOLEAN};
	struct param mode = {.name = "mode",
	    .label = "Mode",
	    .type = VALUE_STRING,
	    .has_default = true,
	    .fallback = {VALUE_STRING, .text = {"a<b", 3}},
	    .next = &hard};
	struct param delay = {.name = "delay",
	    .type = VALUE_INT,
	    .limits = {true, true, 0, 60},
	    .has_default = true,
	    .fallback = {VALUE_INT, .integer = 5},
	    .next = &mode};
	struct param level = {.name = "level", .type = VALUE_DOUBLE, .limits = {false, true, 0, 0.5}};
	struct draft *draft = draft_new(&machine);
	add(draft, ENTRY_COMMAND, "m.reset", 0, "Reset it", &delay);
	add(draft, ENTRY_COMMAND, "m.b.set", 0, "", &level);
	add(draft, ENTRY_COMMAND, "m.halt", 0, "", NULL);
	expect_assets(draft,
	    "    <asset default-label=\"m\" id=\"m\">\n"
	    "     <node default-label=\"b\" path=\"b\">\n"
	    "      <command default-label=\"set\" path=\"set\">\n"
	    "       <parameter default-label=\"level\" id=\"level\" type=\"double\">\n"
	    "        <constraints>\n"
	    "         <bounds max=\"0.5\"/>\n"
	    "        </constraints>\n"
	    "       </parameter>\n"
	    "      </command>\n"
	    "     </node>\n"
	    "     <command default-label=\"halt\" path=\"halt\"/>\n"
	    "     <command default-label=\"Reset it\" path=\"reset\">\n"
	    "      <parameter default-label=\"delay\" id=\"delay\" type=\"int\" default-value=\"5\">\n"
	    "       <constraints>\n"
	    "        <bounds min=\"0\" max=\"60\"/>\n"
	    "       </constraints>\n"
	    "      </parameter>\n"
	    "      <parameter default-label=\"Mode\" id=\"mode\" type=\"string\" "
	    "default-value=\"a&#60;b\"/>\n"
	    "      <parameter default-label=\"hard\" id=\"hard\" type=\"boolean\"/>\n"
	    "     </command>\n"
	    "    </asset>\n");
}

static void units_stand_behind_labels_in_the_current_dialect(void **state)
{
	(void)state;
	struct draft *draft = draft_new(&machine);
	struct entry entry = {.path = "m.t", .type = VALUE_DOUBLE, .label = "Heat", .unit = "Cel"};
	assert_int_equal(draft_add(draft, &entry, NULL), 0);
	entry = (struct entry){.path = "m.u", .kind = ENTRY_SETTING, .type = VALUE_INT, .unit = "%"};
	assert_int_equal(draft_add(draft, &entry, NULL), 0);
	struct catalog *catalog = catalog_of(draft);
	struct model_options current = options;
	current.mqtt = true;
	struct buf xml = {0};
	model_xml(catalog, &current, &xml);
	assert_non_null(strstr(buf_str(&xml), "<variable default-label=\"Heat (Cel)\" path=\"t\""));
	assert_non_null(strstr(xml.data, "<setting default-label=\"u (%)\" path=\"u\""));
	xml.len = 0;
	model_xml(catalog, &options, &xml);
	assert_non_null(strstr(buf_str(&xml), "<variable default-label=\"Heat\" path=\"t\""));
	buf_free(&xml);
	catalog_free(catalog);
}

static void texts_are_escaped(void **state)
{
	(void)state;
	static const struct {
		const char *label, *written;
	} rows[] = {
	    {"\"A\" & <b> 'c'", "&#34;A&#34; &#38; &#60;b&#62; 'c'"},
	    {"K\xc3\xbchlung \xf0\x9f\x94\xa5", "K\xc3\xbchlung \xf0\x9f\x94\xa5"},
	    {"a\tb\nc\rd", "a&#9;b&#10;c&#13;d"},
	    {"a\x01\x1b", "a??"},
	    {"\xff\xfe latin \xe4", "?? latin ?"},
	    {"\xef\xbf\xbe\xef\xbf\xbf\xef\xbf\xbd", "??\xef\xbf\xbd"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char expected[300];
		struct draft *draft = draft_new(&machine);
		add(draft, ENTRY_VARIABLE, "m.a", VALUE_INT, rows[i].label, NULL);
		snprintf(expected, sizeof expected,
		    "    <asset default-label=\"m\" id=\"m\">\n"
		    "     <variable default-label=\"%s\" path=\"a\" type=\"int\"/>\n"
		    "    </asset>\n",
		    rows[i].written);
		expect_assets(draft, expected);
	}
}

static void options_show(void **state)
{
	(void)state;
	const struct model_options others = {
	    .type = "a&b", .name = "N", .revision = "2", .mqtt = true, .imei = true};
	struct catalog *catalog = catalog_new();
	struct buf xml = {0};
	model_xml(catalog, &others, &xml);
	assert_non_null(strstr(buf_str(&xml), " type=\"a&#38;b\" name=\"N\" revision=\"2\">"));
	assert_non_null(strstr(xml.data, "<protocol comm-id=\"IMEI\" type=\"MQTT\"/>"));
	assert_non_null(strstr(xml.data, "<encoding type=\"MQTT\">"));
	struct err err;
	assert_int_equal(model_write("/nonexistent/app.zip", catalog, &others, &err), -1);
	assert_string_equal(err_code(&err), "ENOENT");
	buf_free(&xml);
	catalog_free(catalog);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
	        the_zip_holds_the_tutorials_model, enter_folder, leave_folder),
	    cmocka_unit_test_setup_teardown(nodes_follow_the_dots, enter_folder, leave_folder),
	    cmocka_unit_test_setup_teardown(commands_have_parameters, enter_folder, leave_folder),
	    cmocka_unit_test_setup_teardown(
	        units_stand_behind_labels_in_the_current_dialect, enter_folder, leave_folder),
	    cmocka_unit_test_setup_teardown(texts_are_escaped, enter_folder, leave_folder),
	    cmocka_unit_test_setup_teardown(options_show, enter_folder, leave_folder),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
