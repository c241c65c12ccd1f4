#include "tests/unit/pty.h"

#include "core/base/err.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void pty_open(struct pty *pty)
{
	(void)strcpy(pty->folder, "/tmp/neap-pty-XXXXXX");
	must(mkdtemp(pty->folder) != NULL);
	(void)snprintf(pty->path, sizeof pty->path, "%s/ttyUSB0", pty->folder);
	pty_plug(pty);
}

void pty_plug(struct pty *pty)
{
	char slave[64];

	pty->master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	must(pty->master >= 0 && grantpt(pty->master) == 0 && unlockpt(pty->master) == 0);
	must(ptsname_r(pty->master, slave, sizeof slave) == 0);
	must(symlink(slave, pty->path) == 0);
}

void pty_unplug(struct pty *pty)
{
	(void)close(pty->master);
	pty->master = -1;
	must(unlink(pty->path) == 0);
}

void pty_close(struct pty *pty)
{
	if (pty->master >= 0)
		pty_unplug(pty);
	must(rmdir(pty->folder) == 0);
}
