/*
 * The agent as an asset of its own, if agent.asset names it: each field of each policy is a setting
 * that the server can read and write, ASSET.policy.NAME.FIELD. A value that was written is kept in
 * the store and laid over what scripts and neap.yaml say. What was lost is a variable, ASSET.lost
 * (losses.h), and so is whether tasks are held, ASSET.held. Loop thread.
 */
#ifndef NEAP_CORE_SELF_H
#define NEAP_CORE_SELF_H

#include "core/base/clock.h"
#include "core/catalog/catalog.h"
#include "core/catalog/policies.h"
#include "core/catalog/store.h"
#include "core/task/ingest.h"

struct self;

/* What it uses outlives it; settings NULL: nothing will be written. `changed` is called when a
 * policy was. */
struct self *self_new(const char *asset, const struct clock *clock, struct catalog *catalog,
    struct policies *policies, struct store *settings, void (*changed)(void *ctx), void *ctx);
void self_free(struct self *self); /* takes its settings out of the catalog; NULL is fine */
/* The settings follow what policies there are: at the start, and whenever scripts change them. */
void self_refresh(struct self *self);
/* Sends it as the present value of ASSET.lost, at once: by the policy "answers". */
int self_report_lost(struct self *self, struct ingest *ingest, const char *text, struct err *err);
/* Sends ASSET.held, likewise, when it is another than the last time, or is not known yet. */
void self_report_held(struct self *self, struct ingest *ingest, bool held);

#endif
