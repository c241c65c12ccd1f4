#include "core/base/nearest.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

enum { NAME_MAX_BYTES = 63 };

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static int least(int a, int b)
{
	return a < b ? a : b;
}

/* Optimal string alignment: insertions, deletions, changes and swaps of neighbours, each counted
 * once; capitals count as small letters. Three rows suffice because a swap looks back two. */
static int distance(const char *a, int a_len, const char *b, int b_len)
{
	int rows[3][NAME_MAX_BYTES + 1];

	for (int j = 0; j <= b_len; j++)
		rows[0][j] = j;
	for (int i = 1; i <= a_len; i++) {
		int *row = rows[i % 3], *above = rows[(i + 2) % 3], *above2 = rows[(i + 1) % 3];
		row[0] = i;
		for (int j = 1; j <= b_len; j++) {
			char ca = lower(a[i - 1]), cb = lower(b[j - 1]);
			row[j] = least(above[j - 1] + (ca != cb), least(above[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && ca == lower(b[j - 2]) && lower(a[i - 2]) == cb)
				row[j] = least(row[j], above2[j - 2] + 1);
		}
	}
	return rows[a_len % 3][b_len];
}

const char *nearest_name(const char *name, const char *const *names)
{
	int len = (int)strnlen(name, NAME_MAX_BYTES + 1);
	if (len > NAME_MAX_BYTES)
		return NULL;
	int limit = len < 6 ? 1 : len / 3;
	const char *best = NULL;
	int best_cost = 2 * limit + 2;

	for (; *names != NULL; names++) {
		int other = (int)strnlen(*names, NAME_MAX_BYTES + 1);
		if (other > NAME_MAX_BYTES)
			continue;
		int cost = 2 * distance(name, len, *names, other);
		if (cost > 0 || strcmp(name, *names) != 0)
			cost++; /* of "Log" and "log" for "log", the one that is the same */
		if (cost < best_cost) {
			best_cost = cost;
			best = *names;
		}
	}
	return best;
}
