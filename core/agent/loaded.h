/* The scripts loaded and nothing running: for `neap check` and `neap model`. */
#ifndef NEAP_CORE_LOADED_H
#define NEAP_CORE_LOADED_H

#include "core/config/config.h"
#include "core/task/host.h"

struct loaded;

/* What is wrong with the scripts goes to `problems`; the rest is loaded all the same. */
struct loaded *loaded_open(
    const struct config *config, const struct host_ops *ops, struct problems *problems);
void loaded_close(struct loaded *loaded);
const struct catalog *loaded_catalog(const struct loaded *loaded);
const struct policies *loaded_policies(const struct loaded *loaded);

#endif
