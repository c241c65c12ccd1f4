#include "core/command/reload_text.h"

#include <stdio.h>
#include <string.h>

static const char *text(const struct json *object, const char *key)
{
	const struct json *member = json_member(object, key);

	return member && member->kind == JSON_STRING ? member->string.data : "";
}

static bool flag(const struct json *object, const char *key)
{
	const struct json *member = json_member(object, key);

	return member && member->kind == JSON_BOOLEAN && member->boolean;
}

bool reload_print(const struct json *answer)
{
	const struct json *changes = json_member(answer, "changes");
	const struct json *problems = json_member(answer, "problems");
	bool well = true;

	for (const struct json *one = problems ? problems->child : NULL; one; one = one->next) {
		well = well && flag(one, "warning");
		fprintf(stderr, "%s%s\n", text(one, "text"), flag(one, "warning") ? " (warning)" : "");
	}
	for (const struct json *one = changes ? changes->child : NULL; one; one = one->next)
		printf("%s: %s%s\n", text(one, "script"), text(one, "result"),
		    strcmp(text(one, "result"), "refused") == 0 ? ", the version from before goes on" : "");
	if (well && (!changes || !changes->child))
		puts("nothing changed");
	return well;
}
