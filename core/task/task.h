/*
 * Task payloads: the server's JSON, decoded into tasks and refusals.
 *
 *   [{"uid":"3c12","timestamp":1348836320188,"read":["machine.temperature"]},
 *    {"uid":"8006","write":[{"machine.threshold":25}]},
 *    {"uid":"5997","command":{"id":"machine.reset","params":{"delay":1}}},
 *    {"uid":"17aa","swinstall":{"type":"com.sample","revision":"2.0","url":"https://..."}}]
 *
 * Each element of the array is judged by itself: what is whole and of this form is a task, anything
 * else is a refusal that names the byte, and reading goes on with the next place where a whole task
 * stands. Other members than these are ignored. Known servers send one closing bracket too many:
 * unless `strict`, closing brackets that match no open one are left out, provided that all of the
 * payload is then right. Work grows with the payload, memory stays below about 50 times its size.
 */
#ifndef NEAP_CORE_TASK_H
#define NEAP_CORE_TASK_H

#include "core/base/json.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TASK_UID_MAX 128  /* bytes */
#define TASK_MAX     1000 /* tasks and refusals of one payload; the rest is refused as a whole */

enum task_kind { TASK_READ, TASK_WRITE, TASK_COMMAND, TASK_SWINSTALL };

struct task_item {
	const char *path;         /* 1 to PATH_MAX_BYTES bytes, no control characters, once in a task */
	const struct json *value; /* of a write: a string, number or boolean; of a read: NULL */
	size_t offset;            /* of the path (read) or the value (write) */
};

struct task {
	enum task_kind kind;
	const char *uid;      /* not empty, no control characters, once in a payload */
	int64_t timestamp_ms; /* since 1970; 0 if it has none */
	size_t offset;        /* in the payload, from 0 */

	struct task_item *items; /* read, write: one at least */
	size_t count;
	const char *id;                    /* command */
	const struct json *params;         /* command: an object of scalars, or NULL */
	const char *type, *revision, *url; /* swinstall; not empty */

	struct json_doc *doc; /* owns what the others point to */
};

struct task_refusal {
	size_t offset;
	char *uid;  /* to be answered with an error; NULL where it could not be read, or where it is
	               that of an earlier task of the payload, which has its own answer */
	char *text; /* "byte 254: ..." */
};

struct task_list {
	struct task *tasks; /* in the payload's order */
	size_t count;
	struct task_refusal *refusals;
	size_t refused;
	size_t mended;        /* closing brackets left out */
	size_t mended_offset; /* the first one */
};

/* Fills `list`, which is then the caller's to free. A payload above max_bytes is refused unread. */
void task_decode(
    const char *text, size_t len, bool strict, size_t max_bytes, struct task_list *list);
void task_list_free(struct task_list *list); /* and empty again */

#endif
