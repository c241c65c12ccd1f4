/*
 * A task's work on one path: from the inbox to the handler in the library (lua/neap/job.lua) and
 * back. Each job is answered exactly once, also when its script is closed meanwhile.
 */
#ifndef NEAP_LUA_JOB_H
#define NEAP_LUA_JOB_H

#include "lua/state.h"

void job_start(struct owner *owner, struct job *job); /* struct owner's `start` */
void job_close_all(struct script *script);

#endif
