/* A TCP connection made with a deadline, for a bus's thread: it blocks. (A name is looked up first,
 * which takes as long as the resolver takes.) */
#ifndef NEAP_CORE_TCP_H
#define NEAP_CORE_TCP_H

#include "core/base/err.h"

#include <stdint.h>

/* Tries each of the host's addresses until clock_io_ms() is `until_ms`. A descriptor that does not
 * block, with TCP_NODELAY, or -1. */
int tcp_connect(const char *host, int port, int64_t until_ms, struct err *err);

#endif
