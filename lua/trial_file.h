/*
 * What a trial keeps on disk, in state.dir/trial-NAME, replaced atomically:
 *
 *   neap trial 1
 *   tried 9ae0daaf machine.lua         a line for each file of the version on trial: its CRC-32C
 *   kept 1234 machine.lua              each file of the version before: its length, a newline and
 *   ...                                so many bytes follow, and another newline
 *
 * At a start it means: as long as the files are what was tried, the version before is loaded.
 */
#ifndef NEAP_LUA_TRIAL_FILE_H
#define NEAP_LUA_TRIAL_FILE_H

#include "core/base/err.h"
#include "lua/state.h"

int trial_file_write(const struct script *script, const struct source *before, struct err *err);
void trial_file_remove(const struct host *host, const char *name);
/*
 * The texts of the version before, if the files are still those of the trial; they and `tried`
 * (without texts) are the caller's then. NULL: there was none, or the files are others now, and the
 * trial's file is removed.
 */
struct source *trial_file_read(const struct host *host, const char *name, struct source **tried);

#endif
