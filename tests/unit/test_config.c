#include "core/base/fileio.h"
#include "core/base/number.h"
#include "core/config/config_load.h"
#include "core/config/config_value.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* What every file must hold; a case's own text begins in line 3. */
#define OK "device: { serial: GW-0042 }\nbroker: { url: \"tcp://h\" }\n"

/* --- messages --- */

struct bad_case {
	const char *yaml;
	const char *messages; /* each with a newline; "w " in front of a warning */
};

static void messages_are(const char *yaml, size_t len, const char *expected)
{
	struct problems problems = {0};
	struct buf got = {0};
	struct config *config = config_parse("t.yaml", yaml, len, &problems);

	assert_true((config == NULL) == (problems.errors > 0));
	for (size_t i = 0; i < problems.count; i++)
		buf_printf(&got, "%s%s\n", problems.list[i].warning ? "w " : "", problems.list[i].text);
	if (strcmp(buf_str(&got), expected) != 0) {
		print_error("for\n%s\ngot\n", yaml);
		print_error("%s\nnot\n", buf_str(&got));
		print_error("%s\n", expected);
		fail();
	}
	buf_free(&got);
	problems_free(&problems);
	config_free(config);
}

static void check_cases(const struct bad_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++)
		messages_are(cases[i].yaml, strlen(cases[i].yaml), cases[i].messages);
}
#define CHECK_CASES(cases) check_cases(cases, sizeof(cases) / sizeof *(cases))

static void keys_and_shapes_are_checked(void **unused)
{
	(void)unused;
	static const struct bad_case cases[] = {
	    {"", "t.yaml:1:1: device.serial: missing: give the gateway's serial number, or "
	         "serial_file\n"
	         "t.yaml:1:1: broker.url: missing: give the broker's address, such as "
	         "tcp://HOST:1883\n"},
	    {"# nothing\n---\n", "t.yaml:1:1: device.serial: missing: give the gateway's serial "
	                         "number, or serial_file\n"
	                         "t.yaml:1:1: broker.url: missing: give the broker's address, such as "
	                         "tcp://HOST:1883\n"},
	    {"\n\ndevice:\nbroker:\n  keepalive: 1m\n",
	        "t.yaml:3:1: device.serial: missing: give the gateway's serial number, or "
	        "serial_file\n"
	        "t.yaml:4:1: broker.url: missing: give the broker's address, such as "
	        "tcp://HOST:1883\n"},
	    {"serial", "t.yaml:1:1: must be a map of keys, not a single value\n"},
	    {"- a\n", "t.yaml:1:1: must be a map of keys, not a list\n"},
	    {"device: GW-0042\nbroker: [a]\n",
	        "t.yaml:1:9: device: must be a map of keys, not a single value\n"
	        "t.yaml:2:9: broker: must be a map of keys, not a list\n"},
	    {OK "brokr: { x: 1 }\n", "t.yaml:3:1: brokr: unknown key (did you mean \"broker\"?)\n"},
	    {OK "tasks:\n  stric: true\n",
	        "t.yaml:4:3: tasks.stric: unknown key (did you mean \"strict\"?)\n"},
	    {"device: { serial: A }\nbroker:\n  url: tcp://h\n  kepalive: 1m\n  tls: { cs: x }\n",
	        "t.yaml:4:3: broker.kepalive: unknown key (did you mean \"keepalive\"?)\n"
	        "t.yaml:5:10: broker.tls.cs: unknown key (did you mean \"ca\"?)\n"},
	    {OK "keepalive: 1m\n",
	        "t.yaml:3:1: keepalive: unknown key (did you mean \"broker.keepalive\"?)\n"},
	    {OK "zzzzzzzz: 1\n", "t.yaml:3:1: zzzzzzzz: unknown key\n"},
	    {OK "broker.keepalive: 1m\n", "t.yaml:3:1: broker.keepalive: unknown key\n"},
	    {OK "\"\": 1\n", "t.yaml:3:1: unknown key\n"},
	    {OK "tasks: { strict: [true] }\n",
	        "t.yaml:3:18: tasks.strict: must be a single value, not a list\n"},
	    {OK "topics:\n  data: {username}\n",
	        "t.yaml:4:9: topics.data: must be a single value, not a map (text that begins with "
	        "\"{\" must be quoted)\n"},
	    {OK "tasks: { strict: no }\nlog: { level: inof }\nscripts:\n  budget: soon\n  watch: on\n",
	        "t.yaml:3:18: tasks.strict: use true or false, not \"no\"\n"
	        "t.yaml:4:15: log.level: must be \"error\", \"warn\", \"info\" or \"debug\", not "
	        "\"inof\" (did you mean \"info\"?)\n"
	        "t.yaml:6:11: scripts.budget: \"soon\" is not a duration: a number and ms, s, m, h "
	        "or d, such as 1s\n"
	        "t.yaml:7:10: scripts.watch: use true or false, not \"on\"\n"},
	    /* columns count characters */
	    {OK "agent: { ö: 1, ä: 2 }\n", "t.yaml:3:10: agent.ö: unknown key\n"
	                                   "t.yaml:3:16: agent.ä: unknown key\n"},
	    {"\xef\xbb\xbf" OK "x\x7f: 1\n", "t.yaml:3:2: control characters are not allowed\n"},
	    {OK "\"x\\e[31m\": 1\n", "t.yaml:3:1: x?[31m: unknown key\n"},
	};
	CHECK_CASES(cases);
}

static void values_are_checked(void **unused)
{
	(void)unused;
	static const struct bad_case cases[] = {
	    {OK "queue: { sync: 1ms }\n",
	        "t.yaml:3:16: queue.sync: must be between 100ms and 1h, not 1ms\n"},
	    {"device: { serial: A }\nbroker: { url: tcp://h, keepalive: 19h }\n",
	        "t.yaml:2:36: broker.keepalive: must be between 5s and 18h, not 19h\n"},
	    {"device: { serial: A }\nbroker: { url: tcp://h, keepalive: 20s }\n",
	        "w t.yaml:2:36: broker.keepalive: under 30s: pings alone then make more than 20 MB "
	        "a month over TLS\n"},
	    {OK "queue: { memory: 5XB }\n", "t.yaml:3:18: queue.memory: \"5XB\" is not a size: a "
	                                    "number and B, KB, MB or GB, such as 256KB\n"},
	    {OK "payload: { max_bytes: 300KB }\n",
	        "t.yaml:3:23: payload.max_bytes: must be between 256B and 256KB, not 300KB\n"},
	    {OK "window: { messages: many }\n",
	        "t.yaml:3:21: window.messages: \"many\" is not a whole number\n"},
	    {OK "window: { messages: 0 }\n",
	        "t.yaml:3:21: window.messages: must be between 1 and 100, not 0\n"},
	    {OK "window: { messages: 4294967297 }\n",
	        "t.yaml:3:21: window.messages: must be between 1 and 100, not 4294967297\n"},
	    {OK "drain: { fresh: half }\n",
	        "t.yaml:3:17: drain.fresh: \"half\" is not a share: write 50% or 0.5\n"},
	    {OK "drain: { fresh: 50 }\n",
	        "t.yaml:3:17: drain.fresh: must be between 0% and 100%, not 50\n"},
	    {OK "drain: { fresh: \"%\" }\n",
	        "t.yaml:3:17: drain.fresh: \"%\" is not a share: write 50% or 0.5\n"},
	    {OK "dialect: currant\n", "t.yaml:3:10: dialect: must be \"tutorial\" or \"current\", not "
	                              "\"currant\" (did you mean \"current\"?)\n"},
	    {OK "payload: { form: b }\n",
	        "t.yaml:3:18: payload.form: must be \"c\" or \"a\", not \"b\" (did you mean \"c\"?)\n"},
	    {OK "state: { dir: \"\" }\n", "t.yaml:3:15: state.dir: must not be empty\n"},
	    {OK "agent: { asset: a.b }\n", "t.yaml:3:17: agent.asset: \"a.b\" cannot be the name of "
	                                   "an asset: A-Z a-z 0-9 _ -\n"},
	    {OK "control:\n  socket: /run/"
	        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	        "aaaaaaaaaaaaaaaaaaaaaaaa.sock\n",
	        "t.yaml:4:11: control.socket: longer than 107 bytes, which a socket's name cannot "
	        "be\n"},
	    {OK "scripts: { slice: 1s, budget: 500ms }\n",
	        "t.yaml:3:31: scripts.budget: scripts.slice is above scripts.budget\n"},
	    {"device: { serial: A }\nbroker:\n  url: tcp://h\n  reconnect: { min: 10m }\n",
	        "t.yaml:4:21: broker.reconnect.min: broker.reconnect.min is above "
	        "broker.reconnect.max\n"},
	    {"device: { serial: A }\nbroker:\n  url: tcp://h\n  password: x\n  password_file: y\n"
	     "  tls: { key: k }\n",
	        "t.yaml:5:3: broker.password_file: broker.password is given too: remove one of them\n"
	        "t.yaml:6:10: broker.tls.key: broker.tls.cert is missing: a key goes with its "
	        "certificate\n"},
	};
	CHECK_CASES(cases);
}

static void names_and_addresses_are_checked(void **unused)
{
	(void)unused;
	static const struct bad_case cases[] = {
	    {"device: { serial: a/b }\nbroker:\n  url: tcp://h\n  username: a+b\n  client_id: "
	     "\"a\\tb\"\n",
	        "t.yaml:1:19: device.serial: must not hold \"/\": it becomes a part of topics\n"
	        "t.yaml:4:13: broker.username: must not hold \"+\": it becomes a part of topics\n"
	        "t.yaml:5:14: broker.client_id: must not hold a control character\n"},
	    {"device: { serial: \"\" }\nbroker: { url: tcp://h }\n",
	        "t.yaml:1:19: device.serial: must not be empty\n"},
	    {"device: { serial: \"a\\x01\" }\nbroker: { url: tcp://h }\n",
	        "t.yaml:1:19: device.serial: must not hold a control character\n"},
	    {"device: { serial: a#, serial_file: x }\nbroker: { url: tcp://h }\n",
	        "t.yaml:1:19: device.serial: must not hold \"#\": it becomes a part of topics\n"
	        "t.yaml:1:23: device.serial_file: device.serial is given too: remove one of them\n"},
	    {"device: { serial_file: /nonexistent/x }\nbroker: { url: tcp://h }\n",
	        "t.yaml:1:24: device.serial_file: cannot read /nonexistent/x: No such file or "
	        "directory\n"},
	    {"device: { serial: A }\nbroker:\n  url:\n"
	     "    - h:1883\n    - http://h\n    - tcp://\n    - tcp://me:secret@h\n    - tcp://h:0\n"
	     "    - tcp://h:65536\n    - tcp://h/x\n    - tcp://::1:1883\n    - ssl://[::1\n"
	     "    - tcp://[::1]x\n    - \"tcp://h \"\n    - [tcp://h]\n    - \n    - \"tcp://h:\"\n",
	        "t.yaml:4:7: broker.url: a scheme is missing: write tcp://h:1883, or ssl:// for TLS\n"
	        "t.yaml:5:7: broker.url: the scheme must be tcp:// or ssl:// (mqtt:// and mqtts:// "
	        "mean the same), not \"http://\"\n"
	        "t.yaml:6:7: broker.url: the host is missing\n"
	        "t.yaml:7:7: broker.url: a username and password do not belong here: set "
	        "broker.username and broker.password_file\n"
	        "t.yaml:8:7: broker.url: the port must be a number from 1 to 65535, not \"0\"\n"
	        "t.yaml:9:7: broker.url: the port must be a number from 1 to 65535, not \"65536\"\n"
	        "t.yaml:10:7: broker.url: nothing may follow the host and port, but \"/x\" does\n"
	        "t.yaml:11:7: broker.url: an IPv6 address stands in brackets, as in "
	        "tcp://[::1]:1883\n"
	        "t.yaml:12:7: broker.url: \"[::1\" holds no IPv6 address in brackets\n"
	        "t.yaml:13:7: broker.url: nothing may follow the host and port, but \"x\" does\n"
	        "t.yaml:14:7: broker.url: a host name cannot hold \" \"\n"
	        "t.yaml:15:7: broker.url: must be a single value, not a list\n"
	        "t.yaml:16:6: broker.url: must not be empty\n"
	        "t.yaml:17:7: broker.url: the port must be a number from 1 to 65535, not \"\"\n"},
	    {"device: { serial: A }\nbroker: { url: [] }\n",
	        "t.yaml:2:16: broker.url: the list is empty: name a broker\n"},
	    {OK "topics:\n  data: \"a/+/b\"\n  tasks: \"{usrname}/x\"\n  acks: \"{zzzzzz}/x\"\n",
	        "t.yaml:4:9: topics.data: a topic must not hold the wildcard \"+\"\n"
	        "t.yaml:5:10: topics.tasks: {usrname} is not known (did you mean \"{username}\"?)\n"
	        "t.yaml:6:9: topics.acks: {zzzzzz} is not known: there are {username}, {client_id} "
	        "and {serial}\n"},
	    {OK "topics: { data: \"a{\", acks: \"\", tasks: \"a\\n\" }\n",
	        "t.yaml:3:17: topics.data: a \"{\" is not closed\n"
	        "t.yaml:3:29: topics.acks: must not be empty\n"
	        "t.yaml:3:40: topics.tasks: a topic must not hold a control character\n"},
	};
	CHECK_CASES(cases);
}

static void addresses_go_together(void **unused)
{
	(void)unused;
	static const struct bad_case cases[] = {
	    {"device: { serial: A }\nbroker:\n  url: [ http://x, tcp://a, ssl://b, \"tcp://[::1]\" ]\n",
	        "t.yaml:3:10: broker.url: the scheme must be tcp:// or ssl:// (mqtt:// and mqtts:// "
	        "mean the same), not \"http://\"\n"
	        "t.yaml:3:29: broker.url: tcp://a:1883 and ssl://b:8883 are mixed: a list is either "
	        "all tcp:// or all ssl://, so that the password never leaves without TLS where TLS is "
	        "wanted\n"},
	    {"device: { serial: A }\nbroker: { url: \"ssl://[::1]\" }\n",
	        "t.yaml:2:16: broker.url: over TLS an IPv6 address cannot be checked against the "
	        "certificate: write the broker's name\n"},
	};
	CHECK_CASES(cases);
}

static void policies_and_params_are_checked(void **unused)
{
	(void)unused;
	static const struct bad_case cases[] = {
	    {OK "policies:\n  trend: { flush: 5x, flsh: 1, durable: }\n  \"a b\": {}\n  x: 5\n"
	        "  alarm: { full: [a], flush: now }\n",
	        "t.yaml:4:19: policies.trend.flush: takes \"now\" or a duration such as \"60s\", not "
	        "\"5x\"\n"
	        "t.yaml:4:23: policies.trend.flsh: unknown key (did you mean \"flush\"?)\n"
	        "t.yaml:5:3: policies.a b: \"a b\" cannot be the name of a policy: 1 to 32 "
	        "characters of a-z A-Z 0-9 _ -\n"
	        "t.yaml:6:6: policies.x: must be a map of a policy's fields\n"
	        "t.yaml:7:18: policies.alarm.full: must be a single value, not a list\n"},
	    {OK "params: { a: b, c: { d: 1 }, e: , f: [1] }\npolicies: x\n",
	        "t.yaml:3:14: params.a: must be a map of the script's parameters\n"
	        "t.yaml:3:38: params.f: must be a map of the script's parameters\n"
	        "t.yaml:4:11: policies: must be a map of policies\n"},
	};
	CHECK_CASES(cases);
}

static void the_environment_is_expanded(void **unused)
{
	(void)unused;
	static const struct bad_case cases[] = {
	    {OK "state: { dir: \"${NEAP_TEST_NONE}/x\" }\nlog: { target: \"${}\" }\n"
	        "params: { a: { b: [ \"${NEAP_TEST_NONE}\" ] } }\nagent: { asset: \"a${b\" }\n",
	        "t.yaml:3:15: state.dir: the environment has no variable NEAP_TEST_NONE\n"
	        "t.yaml:4:16: log.target: \"${\" begins the name of an environment variable, as in "
	        "${HOME}; write $${ for the characters ${\n"
	        "t.yaml:5:21: params.a.b: the environment has no variable NEAP_TEST_NONE\n"
	        "t.yaml:6:17: agent.asset: \"${\" begins the name of an environment variable, as in "
	        "${HOME}; write $${ for the characters ${\n"},
	    /* told once, whatever builds on it */
	    {"device:\n  serial: ${NEAP_TEST_NONE}\nbroker:\n  url: ${NEAP_TEST_NONE}\n"
	     "  username: ${NEAP_TEST_NONE}\n  client_id: ${NEAP_TEST_NONE}\n"
	     "topics: { data: \"${NEAP_TEST_NONE}\" }\nagent: { asset: \"${NEAP_TEST_NONE}\" }\n",
	        "t.yaml:2:11: device.serial: the environment has no variable NEAP_TEST_NONE\n"
	        "t.yaml:4:8: broker.url: the environment has no variable NEAP_TEST_NONE\n"
	        "t.yaml:5:13: broker.username: the environment has no variable NEAP_TEST_NONE\n"
	        "t.yaml:6:14: broker.client_id: the environment has no variable NEAP_TEST_NONE\n"
	        "t.yaml:7:17: topics.data: the environment has no variable NEAP_TEST_NONE\n"
	        "t.yaml:8:17: agent.asset: the environment has no variable NEAP_TEST_NONE\n"},
	    {"device: { serial_file: \"${NEAP_TEST_NONE}\" }\nbroker: { url: \"tcp://h\" }\n",
	        "t.yaml:1:24: device.serial_file: the environment has no variable NEAP_TEST_NONE\n"},
	    {OK "state: { dir: \"${NEAP_TEST_LATIN1}\" }\n",
	        "t.yaml:3:15: state.dir: the environment variable NEAP_TEST_LATIN1 is not UTF-8\n"},
	    {OK "state: { dir: \"${NEAP_TEST_NOTHING}\" }\n",
	        "t.yaml:3:15: state.dir: must not be empty\n"},
	};
	assert_int_equal(setenv("NEAP_TEST_LATIN1", "\xe4", 1), 0);
	assert_int_equal(setenv("NEAP_TEST_NOTHING", "", 1), 0);
	CHECK_CASES(cases);
}

/* A syntax error is the only message. */
static void syntax_errors_say_what_to_do(void **unused)
{
	(void)unused;
	static const struct bad_case cases[] = {
	    {"unknown: 1\ntasks:\n\tstrict: true\n",
	        "t.yaml:3:1: a tab in the indentation: use spaces\n"},
	    {"tasks:\n  strict: true\n\tsync: true\n",
	        "t.yaml:3:1: a tab in the indentation: use spaces\n"},
	    {"state: { dir: ${HOME} }\n",
	        "t.yaml:1:16: ${HOME} within { } or [ ] must be quoted: \"${HOME}\"\n"},
	    {"broker: { url: [ tcp://${HOST}:1883 ] }\n",
	        "t.yaml:1:25: ${HOST} within { } or [ ] must be quoted: \"${HOST}\"\n"},
	    {"topics:\n  data: {username}/x\n",
	        "t.yaml:2:19: text that begins with \"{\" must be quoted, and nothing else may follow "
	        "a \"}\" directly\n"},
	    {"tasks:\n  strict: true\n sync: true\n",
	        "t.yaml:3:2: the line fits nothing above it: look at its indentation, and for text "
	        "behind a quote or bracket\n"},
	    {"dialect: a: b\n", "t.yaml:1:11: a second \": \" in one line, or a wrong indentation; "
	                        "text that holds \": \" must be quoted\n"},
	    {"tasks: { strict: true\n", "t.yaml:2:1: a \",\" or \"}\" is missing before this\n"},
	    {"a: [1\n", "t.yaml:2:1: a \",\" or \"]\" is missing before this\n"},
	    {"a: 1\nb: \"c\nd: 1\n", "t.yaml:2:4: the quote that opens here is never closed\n"},
	    {"a: @b\n", "t.yaml:1:4: text that begins with \"@\" must be quoted\n"},
	    {"a: &\n", "t.yaml:1:4: text that begins with \"&\" or \"*\" must be quoted\n"},
	    {"a: |b\n", "t.yaml:1:4: text that begins with \"|\" or \">\" must be quoted\n"},
	    {"a: \"\\d\"\n", "t.yaml:1:5: no such escape in double quotes; in single quotes a "
	                     "backslash stands for itself\n"},
	    {"a: 1\n\xc3\xa4: \xff\n",
	        "t.yaml:2:4: the file must be UTF-8 (invalid leading UTF-8 octet)\n"},
	    {"a: 1\nb\n", "t.yaml:2:1: a key needs \": \" and its value behind it\n"},
	    {"a: 1\n...\nb: 1\n", "t.yaml:3:1: nothing may follow the end of the document\n"},
	};
	CHECK_CASES(cases);
	messages_are("a: \0\n", 5, "t.yaml:1:4: control characters are not allowed\n");
}

static void the_file_is_bounded(void **unused)
{
	(void)unused;
	static const struct bad_case cases[] = {
	    {OK "tasks: &t { strict: true }\nqueue: *t\nlog: !x { level: info }\n",
	        "t.yaml:3:8: tasks: anchors (&) are not used here: write the value out, or quote text "
	        "that begins so\n"
	        "t.yaml:4:8: queue: aliases (*) are not used here: write the value out, or quote text "
	        "that begins so\n"
	        "t.yaml:5:6: log: tags (!) are not used here: write the value out, or quote text that "
	        "begins so\n"},
	    {OK "params: { p: { &k a: [ *k ] } }\n*k : 1\n",
	        "t.yaml:3:16: params.p.a: anchors (&) are not used here: write the value out, or "
	        "quote text that begins so\n"
	        "t.yaml:3:24: params.p.a: aliases (*) are not used here: write the value out, or "
	        "quote text that begins so\n"
	        "t.yaml:4:1: a key must be plain text\n"},
	    {OK "tasks: { strict: true }\nlog: {}\ntasks: { sync: maybe, x: &y 1 }\n",
	        "t.yaml:5:1: tasks: given twice (first in line 3): remove one of them\n"
	        "t.yaml:5:26: tasks.x: anchors (&) are not used here: write the value out, or quote "
	        "text that begins so\n"},
	    {OK "---\nqueue: { sync: x }\n",
	        "t.yaml:3:1: a second document begins here: the file must be one\n"},
	    {OK "? [a]\n: b\n", "t.yaml:3:3: a key must be plain text\n"},
	    {OK "params: { a: { b: \"x\\0y\" } }\n",
	        "t.yaml:3:19: params.a.b: a value must not hold a NUL character\n"},
	    {OK "params: { \"a\\0b\": {} }\n",
	        "t.yaml:3:11: params.a: a key must not hold a NUL character\n"},
	    {OK "params: {a: {b: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\n",
	        "t.yaml:3:46: params.a.b: nested deeper than 32 levels\n"},
	};
	CHECK_CASES(cases);

	struct buf many = {0};
	buf_text(&many, OK "params:\n  a:\n");
	for (int i = 0; i <= 1000; i++)
		buf_printf(&many, "    k%d: 1\n", i);
	messages_are(buf_str(&many), many.len,
	    "t.yaml:1005:5: params.a.k1000: more than 1000 keys in one map\n");
	buf_free(&many);
}

/* --- values --- */

static struct config *load_good(const char *path, const char *yaml)
{
	struct problems problems = {0};
	struct config *config = config_parse(path, yaml, strlen(yaml), &problems);
	if (config == NULL || problems.count > 0)
		fail_msg("%s", problems.count > 0 ? problems.list[0].text : "no config, no message");
	problems_free(&problems);
	return config;
}

static void defaults_hold(void **unused)
{
	(void)unused;
	struct config *config =
	    load_good("/etc/neap/neap.yaml", OK "state:\nlog: { level: , target: }");
	assert_string_equal(config->path, "/etc/neap/neap.yaml");
	assert_string_equal(config->device.serial, "GW-0042");
	assert_string_equal(config->broker.urls[0], "tcp://h:1883");
	assert_null(config->broker.urls[1]);
	assert_string_equal(config->broker.username, "GW-0042");
	assert_string_equal(config->broker.client_id, "GW-0042");
	assert_string_equal(config->broker.password, "");
	assert_string_equal(config->broker.password_file, "");
	assert_string_equal(config->broker.tls.ca, "/etc/ssl/certs/ca-certificates.crt");
	assert_string_equal(config->broker.tls.cert, "");
	assert_string_equal(config->broker.tls.key, "");
	assert_int_equal(config->broker.keepalive_ms, 120000);
	assert_int_equal(config->broker.reconnect_min_ms, 1000);
	assert_int_equal(config->broker.reconnect_max_ms, 300000);
	assert_int_equal(config->broker.puback_timeout_ms, 30000);
	assert_string_equal(config->dialect, "tutorial");
	assert_false(config->payload.form_a || config->payload.native_values);
	assert_false(config->payload.milliseconds || config->payload.acks);
	assert_int_equal(config->payload.max_bytes, 16000);
	assert_string_equal(config->topics.data, "GW-0042/messages/json");
	assert_string_equal(config->topics.tasks, "GW-0042/tasks/json");
	assert_string_equal(config->topics.acks, "GW-0042/acks/json");
	assert_false(config->tasks.strict || config->tasks.sync);
	assert_int_equal(config->tasks.max_bytes, 256 * 1024);
	assert_int_equal(config->window.messages, 20);
	assert_int_equal(config->window.bytes, 1024 * 1024);
	assert_true(config->window.fresh == 0.5);
	assert_int_equal(config->clock.trust, CLOCK_TRUST_DATE);
	assert_int_equal(config->clock.deadline_ms, 600000);
	assert_string_equal(config->state.dir, "/etc/neap/state");
	assert_string_equal(config->queue.dir, "/var/lib/neap");
	assert_int_equal(config->queue.sync_ms, 5000);
	assert_int_equal(config->queue.memory, 256 * 1024);
	assert_int_equal(config->queue.limit, 32 * 1024 * 1024);
	assert_string_equal(config->scripts.dir, "/etc/neap/scripts");
	assert_int_equal(config->scripts.memory, 4 * 1024 * 1024);
	assert_int_equal(config->scripts.slice_ms, 10);
	assert_int_equal(config->scripts.budget_ms, 1000);
	assert_false(config->scripts.watch);
	assert_string_equal(config->control.socket, "/run/neap.sock");
	assert_int_equal(config->log.level, LOG_LEVEL_INFO);
	assert_int_equal(config->log.target, LOG_TARGET_STDERR);
	assert_string_equal(config->agent_asset, "");
	assert_null(config->params);
	assert_int_equal(config->policies_count, 0);
	config_free(config);
}

static const char every_key[] =
    "device: { serial: 0042 }\n"
    "broker:\n"
    "  url: [ \"tcp://a\", \"mqtt://${NEAP_TEST_HOST}:1\", \"mqtt://[::1]\", tcp://c_d:65535 "
    "]\n"
    "  username: true\n"
    "  client_id: a/b\n"
    "  password: '$${x} $y 1: 2'\n"
    "  tls: { ca: ca.pem, cert: /c.pem, key: tls/k.pem }\n"
    "  keepalive: 90\n"
    "  reconnect: { min: 500ms, max: 1m30s }\n"
    "  puback_timeout: 10s\n"
    "dialect: current\n"
    "payload: { values: text, timestamps: s, max_bytes: 4KB }\n"
    "topics: { data: \"$x/{serial}/{client_id}\", tasks: t, acks: \"{username}\" }\n"
    "tasks: { strict: true, sync: \"true\", max_bytes: 2KB }\n"
    "window: { messages: 100, bytes: 2MB }\n"
    "drain: { fresh: 12.5% }\n"
    "clock: { trust: sync, deadline: 0s }\n"
    "state: { dir: state }\n"
    "queue: { dir: ../q, sync: 1s, memory: 1MB, limit: 3GB }\n"
    "scripts: { dir: s, memory: 1MB, slice: 20ms, budget: 2s, watch: true }\n"
    "control: { socket: neap.sock }\n"
    "log: { level: debug, target: syslog }\n"
    "agent: { asset: neap }\n";

static void every_key_of_the_link_is_read(void **unused)
{
	(void)unused;
	assert_int_equal(setenv("NEAP_TEST_HOST", "b.example", 1), 0);
	struct config *config = load_good("conf/neap.yaml", every_key);
	assert_string_equal(config->device.serial, "0042");
	assert_string_equal(config->broker.urls[0], "tcp://a:1883");
	assert_string_equal(config->broker.urls[1], "tcp://b.example:1");
	assert_string_equal(config->broker.urls[2], "tcp://[::1]:1883");
	assert_string_equal(config->broker.urls[3], "tcp://c_d:65535");
	assert_null(config->broker.urls[4]);
	assert_string_equal(config->broker.username, "true");
	assert_string_equal(config->broker.client_id, "a/b");
	assert_string_equal(config->broker.password, "${x} $y 1: 2");
	assert_string_equal(config->broker.tls.ca, "conf/ca.pem");
	assert_string_equal(config->broker.tls.cert, "/c.pem");
	assert_string_equal(config->broker.tls.key, "conf/tls/k.pem");
	assert_int_equal(config->broker.keepalive_ms, 90000);
	assert_int_equal(config->broker.reconnect_min_ms, 500);
	assert_int_equal(config->broker.reconnect_max_ms, 90000);
	assert_int_equal(config->broker.puback_timeout_ms, 10000);
	assert_string_equal(config->dialect, "current");
	assert_true(config->payload.form_a && config->payload.acks);
	assert_false(config->payload.native_values || config->payload.milliseconds);
	assert_int_equal(config->payload.max_bytes, 4096);
	config_free(config);
}

static void every_other_key_is_read(void **unused)
{
	(void)unused;
	assert_int_equal(setenv("NEAP_TEST_HOST", "b.example", 1), 0);
	struct config *config = load_good("conf/neap.yaml", every_key);
	assert_string_equal(config->topics.data, "$x/0042/a/b");
	assert_string_equal(config->topics.tasks, "t");
	assert_string_equal(config->topics.acks, "true");
	assert_true(config->tasks.strict && config->tasks.sync);
	assert_int_equal(config->tasks.max_bytes, 2048);
	assert_int_equal(config->window.messages, 100);
	assert_int_equal(config->window.bytes, 2 << 20);
	assert_true(config->window.fresh == 0.125);
	assert_int_equal(config->clock.trust, CLOCK_TRUST_SYNC);
	assert_int_equal(config->clock.deadline_ms, 0);
	assert_string_equal(config->state.dir, "conf/state");
	assert_string_equal(config->queue.dir, "conf/../q");
	assert_int_equal(config->queue.sync_ms, 1000);
	assert_int_equal(config->queue.memory, 1 << 20);
	assert_true(config->queue.limit == UINT64_C(3) << 30);
	assert_string_equal(config->scripts.dir, "conf/s");
	assert_int_equal(config->scripts.memory, 1 << 20);
	assert_int_equal(config->scripts.slice_ms, 20);
	assert_int_equal(config->scripts.budget_ms, 2000);
	assert_true(config->scripts.watch);
	assert_string_equal(config->control.socket, "conf/neap.sock");
	assert_int_equal(config->log.level, LOG_LEVEL_DEBUG);
	assert_int_equal(config->log.target, LOG_TARGET_SYSLOG);
	assert_string_equal(config->agent_asset, "neap");
	config_free(config);
}

static void schemes_have_their_ports(void **unused)
{
	(void)unused;
	struct config *config = load_good(
	    "t.yaml", "device: { serial: A }\nbroker: { url: [ \"ssl://a\", \"mqtts://b:1\" ] }\n");
	assert_string_equal(config->broker.urls[0], "ssl://a:8883");
	assert_string_equal(config->broker.urls[1], "ssl://b:1");
	config_free(config);
}

static void the_dialect_picks_defaults(void **unused)
{
	(void)unused;
	struct config *config = load_good("t.yaml", OK "dialect: current\n");
	assert_true(config->payload.form_a && config->payload.native_values);
	assert_true(config->payload.milliseconds && config->payload.acks);
	config_free(config);

	config = load_good("t.yaml", OK "payload: { form: a, acks: true }\n");
	assert_true(config->payload.form_a && config->payload.acks);
	assert_false(config->payload.native_values || config->payload.milliseconds);
	config_free(config);
}

static void policies_and_params_are_kept(void **unused)
{
	(void)unused;
	assert_int_equal(setenv("NEAP_TEST_PORT", "/dev/ttyS1", 1), 0);
	struct config *config = load_good("t.yaml",
	    OK "policies:\n  trend: { flush: 5m, max_samples: 10 }\n  alarm: { durable: true }\n"
	       "params:\n  meter: { port: \"${NEAP_TEST_PORT}\", unit: 3 }\n  pump:\n    list: [a, b]\n"
	       "  none:\n");
	assert_int_equal(config->policies_count, 3);
	assert_string_equal(config->policies[1].policy, "trend");
	assert_string_equal(config->policies[1].field, "max_samples");
	assert_string_equal(config->policies[1].value, "10");
	assert_int_equal(config->policies[1].line, 4);
	assert_int_equal(config->policies[1].column, 36);
	assert_string_equal(config->policies[2].policy, "alarm");

	const struct config_node *meter = config->params->child, *port = meter->child;
	assert_string_equal(meter->key, "meter");
	assert_int_equal(meter->kind, CONFIG_MAP);
	assert_string_equal(port->key, "port");
	assert_string_equal(port->text, "/dev/ttyS1");
	assert_true(port->quoted);
	assert_string_equal(port->next->text, "3");
	assert_false(port->next->quoted);
	assert_int_equal(port->next->line, 7);
	assert_int_equal(port->next->column, 45);
	const struct config_node *list = meter->next->child;
	assert_int_equal(list->kind, CONFIG_LIST);
	assert_string_equal(list->child->text, "a");
	assert_string_equal(list->child->next->text, "b");
	assert_null(list->child->next->next);
	assert_string_equal(meter->next->next->key, "none");
	config_free(config);
}

static void every_range_can_be_read(void **unused)
{
	(void)unused;
	for (const struct config_key *key = config_keys(); key->path != NULL; key++) {
		int64_t min, max;
		uint64_t least, most;
		if (key->type == CONFIG_DURATION) {
			assert_int_equal(duration_parse(key->min, &min), 0);
			assert_int_equal(duration_parse(key->max, &max), 0);
			assert_true(min < max);
		} else if (key->type == CONFIG_SIZE) {
			assert_int_equal(size_parse(key->min, &least), 0);
			assert_int_equal(size_parse(key->max, &most), 0);
			assert_true(least < most);
		}
	}
}

/* --- files --- */

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void files_are_read(void **unused)
{
	(void)unused;
	char dir[] = "/tmp/neap-test-config-XXXXXX", yaml[64], serial[64];
	assert_non_null(mkdtemp(dir));
	snprintf(yaml, sizeof yaml, "%s/neap.yaml", dir);
	snprintf(serial, sizeof serial, "%s/serial", dir);
	write_file(yaml, "device: { serial_file: serial }\nbroker: { url: \"tcp://h\" }\n");
	write_file(serial, "GW 7 \r\n");

	struct problems problems = {0};
	struct config *config = config_load(yaml, &problems);
	assert_int_equal(problems.count, 0);
	assert_string_equal(config->device.serial, "GW 7");
	assert_string_equal(config->topics.data, "GW 7/messages/json");
	config_free(config);

	write_file(serial, "GW/7\n");
	assert_null(config_load(yaml, &problems));
	assert_int_equal(problems.errors, 1);
	assert_non_null(strstr(problems.list[0].text,
	    "neap.yaml:1:24: device.serial_file: must not hold \"/\": it becomes a part of topics"));
	problems_free(&problems);

	write_file(serial, " \n");
	assert_null(config_load(yaml, &problems));
	assert_non_null(strstr(problems.list[0].text, "/serial is empty"));
	problems_free(&problems);

	assert_int_equal(truncate(yaml, 256 * 1024 + 1), 0);
	assert_null(config_load(yaml, &problems));
	assert_non_null(strstr(problems.list[0].text, "is larger than 262144 bytes"));
	problems_free(&problems);

	assert_int_equal(unlink(yaml), 0);
	assert_null(config_load(yaml, &problems));
	assert_int_equal(problems.errors, 1);
	assert_non_null(strstr(problems.list[0].text, "neap.yaml: No such file or directory"));
	problems_free(&problems);
	assert_int_equal(unlink(serial), 0);
	assert_int_equal(rmdir(dir), 0);
}

/* Every key of the table stands in the manual, with its default. */
static void the_manual_knows_every_key(void **unused)
{
	(void)unused;
	struct buf manual = {0};
	struct err err;
	assert_int_equal(fileio_read("docs/neap.yaml.5", 1 << 20, &manual, &err), 0);
	for (const struct config_key *key = config_keys(); key->path != NULL; key++) {
		char item[200];
		snprintf(item, sizeof item, ".It Ic %s", key->path);
		const char *found = strstr(buf_str(&manual), item);
		size_t len = strlen(item);
		if (found == NULL || (found[len] != ' ' && found[len] != '\n'))
			fail_msg("docs/neap.yaml.5 has no line \"%s\"", item);
		if (found == NULL || key->fallback == NULL || key->fallback[0] == '\0')
			continue;
		snprintf(item, sizeof item, "Default: %s", key->fallback);
		const char *next = strstr(found + len, ".It Ic");
		const char *fallback = strstr(found, item);
		if (fallback == NULL || (next != NULL && fallback > next))
			fail_msg("docs/neap.yaml.5: %s has no \"%s\"", key->path, item);
	}
	buf_free(&manual);
}

/* "  # key: value" becomes "  key: value"; what else stands behind a # is prose. */
static void uncomment(char *text, const char *except)
{
	for (char *line = text; *line != '\0'; line += strcspn(line, "\n") + 1) {
		char *hash = line + strspn(line, " ");
		size_t key = hash[0] == '#' ? 2 + strspn(hash + 1, " ") - 1 : 0;
		size_t len = strspn(hash + key, "abcdefghijklmnopqrstuvwxyz_");
		if (key > 0 && len > 0 && hash[key + len] == ':' && strncmp(hash + key, except, len) != 0)
			memmove(hash, hash + 2, strlen(hash + 2) + 1);
	}
}

static void the_example_is_right(void **unused)
{
	(void)unused;
	struct buf text = {0};
	struct err err;
	assert_int_equal(fileio_read("examples/neap.yaml", 1 << 20, &text, &err), 0);
	config_free(load_good("examples/neap.yaml", buf_str(&text)));

	char *whole = strdup(buf_str(&text));
	uncomment(whole, "serial_file");
	struct config *config = load_good("examples/neap.yaml", whole);
	assert_string_equal(config->broker.password_file, "examples/password");
	assert_int_equal(config->policies_count, 1);
	assert_non_null(config->params);
	config_free(config);
	free(whole);
	buf_free(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(keys_and_shapes_are_checked),
	    cmocka_unit_test(values_are_checked),
	    cmocka_unit_test(names_and_addresses_are_checked),
	    cmocka_unit_test(addresses_go_together),
	    cmocka_unit_test(policies_and_params_are_checked),
	    cmocka_unit_test(the_environment_is_expanded),
	    cmocka_unit_test(syntax_errors_say_what_to_do),
	    cmocka_unit_test(the_file_is_bounded),
	    cmocka_unit_test(defaults_hold),
	    cmocka_unit_test(every_key_of_the_link_is_read),
	    cmocka_unit_test(every_other_key_is_read),
	    cmocka_unit_test(schemes_have_their_ports),
	    cmocka_unit_test(the_dialect_picks_defaults),
	    cmocka_unit_test(policies_and_params_are_kept),
	    cmocka_unit_test(every_range_can_be_read),
	    cmocka_unit_test(files_are_read),
	    cmocka_unit_test(the_manual_knows_every_key),
	    cmocka_unit_test(the_example_is_right),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
