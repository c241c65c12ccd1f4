/*
 * The journal of uids: what became of the last tasks, so that none is done twice.
 *
 * A server delivers a task at least once, and a crash makes its payload come again. Each change is
 * one write(): it outlives the process, and a power cut too if `sync` was asked for, which then
 * waits for the disk at each start and end of a task. The file is rewritten,
 * atomically, when most of it is old news. Damage costs the damaged records and no others; the
 * place of what is lost is counted, and its task may be done again. Loop thread.
 *
 * A record: 0xa7, state, length of the uid, length of the outcome (8 bit each), CRC-32C of these
 * and the texts (32 bit, little-endian), uid, outcome. The last record of a uid counts.
 */
#ifndef NEAP_CORE_JOURNAL_H
#define NEAP_CORE_JOURNAL_H

#include "core/base/err.h"

#include <stdbool.h>
#include <stddef.h>

#define JOURNAL_MAX         1000 /* uids kept; then the oldest done one goes, or the oldest */
#define JOURNAL_UID_MAX     128  /* bytes */
#define JOURNAL_OUTCOME_MAX 200  /* bytes; what is longer is cut */

/* The numbers stand in the file. */
enum journal_state { JOURNAL_ACCEPTED = 1, JOURNAL_STARTED = 2, JOURNAL_DONE = 3 };

struct journal_entry {
	enum journal_state state;
	const char *outcome; /* done: "" if all is well, or why not; valid until the next journal_set */
};

struct journal;

/* Says in the log what it found damaged. */
struct journal *journal_open(const char *path, bool sync, struct err *err);
void journal_close(struct journal *journal); /* NULL is fine */

bool journal_find(const struct journal *journal, const char *uid, struct journal_entry *entry);

/* -1 if it is not in the file: said in the log, and right until the process ends all the same. The
 * uid is at most JOURNAL_UID_MAX bytes. */
int journal_set(
    struct journal *journal, const char *uid, enum journal_state state, const char *outcome);

size_t journal_damaged(
    const struct journal *journal); /* places found damaged or torn at the start */

#endif
