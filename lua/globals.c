#include "lua/globals.h"

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_BYTES 41 /* of a short string, with its NUL */

enum { OP_GETTABUP = 11, OP_SETTABUP = 15 };
enum { LINE_ABSOLUTE = -128 };
enum constant { FALSE = 1, TRUE = 17, INTEGER = 3, FLOAT = 19, SHORT = 4, LONG = 20 };

struct text {
	const char *data;
	size_t len;
};

struct function {
	const uint8_t *code;
	size_t code_count;
	struct text *names; /* of the constants; data NULL: it is no short string */
	size_t names_count;
	bool *is_env; /* of the upvalues */
	int line;
};

struct scan {
	const uint8_t *at, *end;
	void (*found)(void *ctx, const char *name, int line, bool written);
	void *ctx;
};

/* --- what a dump is made of --- */

static const uint8_t *take(struct scan *scan, size_t count)
{
	const uint8_t *at = scan->at;
	must(count <= (size_t)(scan->end - at));
	scan->at += count;
	return at;
}

/* Seven bits a byte, the highest first; the last byte has its top bit set. */
static size_t take_size(struct scan *scan)
{
	size_t size = 0;
	for (;;) {
		uint8_t byte = *take(scan, 1);
		size = size << 7 | (byte & 0x7f);
		if (byte & 0x80)
			return size;
	}
}

static struct text take_text(struct scan *scan)
{
	size_t size = take_size(scan); /* 0: there is none */
	struct text text = {.len = size ? size - 1 : 0};
	text.data = (const char *)take(scan, text.len);
	return text;
}

static struct text take_constant(struct scan *scan)
{
	switch ((enum constant) * take(scan, 1)) {
	case SHORT:
		return take_text(scan);
	case LONG:
		(void)take_text(scan);
		break;
	case INTEGER:
		(void)take(scan, sizeof(lua_Integer));
		break;
	case FLOAT:
		(void)take(scan, sizeof(lua_Number));
		break;
	case FALSE:
	case TRUE:
	default: /* nil */
		break;
	}
	return (struct text){NULL, 0};
}

/* --- a function --- */

static uint32_t instruction(const struct function *function, size_t pc)
{
	uint32_t word;
	memcpy(&word, function->code + pc * sizeof word, sizeof word);
	return word;
}

static void tell(
    struct scan *scan, const struct function *function, size_t constant, int line, bool written)
{
	char name[NAME_MAX_BYTES];
	const struct text *text = constant < function->names_count ? &function->names[constant] : NULL;
	if (!text || !text->data || text->len >= sizeof name)
		return;
	memcpy(name, text->data, text->len);
	name[text->len] = '\0';
	scan->found(scan->ctx, name, line, written);
}

/* R[A] := UpValue[B][K[C]]; UpValue[A][K[B]] := RK(C) */
static void look(struct scan *scan, const struct function *function, size_t pc, int line)
{
	uint32_t word = instruction(function, pc);
	uint32_t a = word >> 7 & 0xff, b = word >> 16 & 0xff, c = word >> 24;
	if ((word & 0x7f) == OP_GETTABUP && function->is_env[b])
		tell(scan, function, c, line, false);
	else if ((word & 0x7f) == OP_SETTABUP && function->is_env[a])
		tell(scan, function, b, line, true);
}

/* A line's difference for each instruction; now and then the whole number, in a list of its own. */
static void look_at_all(struct scan *scan, const struct function *function)
{
	size_t count = take_size(scan);
	const int8_t *differences = (const int8_t *)take(scan, count);
	size_t absolute = take_size(scan);
	int line = function->line;
	for (size_t pc = 0; pc < count; pc++) {
		if (differences[pc] == LINE_ABSOLUTE) {
			must(absolute-- > 0);
			(void)take_size(scan); /* pc */
			line = (int)take_size(scan);
		} else {
			line += differences[pc];
		}
		look(scan, function, pc, line);
	}
	must(absolute == 0);
}

static void skip_names(struct scan *scan)
{
	for (size_t i = take_size(scan); i > 0; i--) { /* locals, with where they live */
		(void)take_text(scan);
		(void)take_size(scan);
		(void)take_size(scan);
	}
	for (size_t i = take_size(scan); i > 0; i--) /* upvalues */
		(void)take_text(scan);
}

static void take_upvalues(struct scan *scan, struct function *function, const bool *outer)
{
	size_t count = take_size(scan);
	function->is_env = mem_alloc(256 * sizeof(bool)); /* so many an instruction can name */
	for (size_t i = 0; i < count; i++) {
		const uint8_t *upvalue = take(scan, 3); /* in the stack, index, kind */
		if (i < 256)
			function->is_env[i] = outer ? !upvalue[0] && outer[upvalue[1]] : i == 0;
	}
}

static void scan_function(struct scan *scan, const bool *outer)
{
	struct function function = {0};
	(void)take_text(scan); /* source */
	function.line = (int)take_size(scan);
	(void)take_size(scan); /* last line */
	(void)take(scan, 3);   /* parameters, vararg, stack */
	function.code_count = take_size(scan);
	function.code = take(scan, function.code_count * sizeof(uint32_t));
	function.names_count = take_size(scan);
	function.names = mem_alloc((function.names_count + 1) * sizeof *function.names);
	for (size_t i = 0; i < function.names_count; i++)
		function.names[i] = take_constant(scan);
	take_upvalues(scan, &function, outer);
	for (size_t i = take_size(scan); i > 0; i--)
		scan_function(
		    scan, function.is_env); /* NOLINT(misc-no-recursion): Lua's own limit is 200 */
	look_at_all(scan, &function);
	skip_names(scan);
	free(function.names);
	free(function.is_env);
}

/* --- */

static int add(lua_State *L, const void *data, size_t len, void *ctx)
{
	(void)L;
	buf_add(ctx, data, len);
	return 0;
}

void globals_find(
    lua_State *L, void (*found)(void *ctx, const char *name, int line, bool written), void *ctx)
{
	static const char head[] = LUA_SIGNATURE "\x54\x00\x19\x93\r\n\x1a\n";
	struct buf dump = {0};
	(void)lua_dump(L, add, &dump, 0);
	/* the sizes of an instruction, an integer, a number; one of each; the number of upvalues */
	size_t begin = sizeof head - 1 + 3 + sizeof(lua_Integer) + sizeof(lua_Number) + 1;
	if (holds(dump.len > begin && memcmp(dump.data, head, sizeof head - 1) == 0)) {
		struct scan scan = {.at = (const uint8_t *)dump.data + begin,
		    .end = (const uint8_t *)dump.data + dump.len,
		    .found = found,
		    .ctx = ctx};
		scan_function(&scan, NULL);
	}
	buf_free(&dump);
}
