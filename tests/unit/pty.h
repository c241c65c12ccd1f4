/* A serial cable of paper: neap opens `path`, the test has the other end. Plugging it in anew gives
 * the same path another pair. */
#ifndef NEAP_TESTS_UNIT_PTY_H
#define NEAP_TESTS_UNIT_PTY_H

struct pty {
	int master; /* -1: unplugged */
	char folder[32];
	char path[64]; /* a link to the device */
};

void pty_open(struct pty *pty);
void pty_plug(struct pty *pty);
void pty_unplug(struct pty *pty);
void pty_close(struct pty *pty);

#endif
