/*
 * The program again, in the place of the one that runs: the same process, the same arguments and
 * environment, and none of its threads and descriptors.
 */
#ifndef NEAP_CORE_RESTART_H
#define NEAP_CORE_RESTART_H

struct restart;

/* NULL if the system does not tell how the process was started (/proc): then there is none. */
struct restart *restart_new(void);
void restart_free(struct restart *restart);
/* What may be called in a signal handler. Comes back only if it cannot be done, or for NULL. */
void restart_now(const struct restart *restart);

#endif
