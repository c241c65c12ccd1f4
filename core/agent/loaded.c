#include "core/agent/loaded.h"

#include "core/base/mem.h"
#include "core/task/self.h"

#include <stdlib.h>

struct loaded {
	const struct host_ops *ops;
	uv_loop_t loop;
	struct clock *clock;
	struct catalog *catalog;
	struct policies *policies;
	struct host *host;
	struct self *self;
};

static void ignore(void *ctx)
{
	(void)ctx;
}

struct loaded *loaded_open(
    const struct config *config, const struct host_ops *ops, struct problems *problems)
{
	struct loaded *loaded = mem_alloc(sizeof(*loaded));

	must(uv_loop_init(&loaded->loop) == 0);
	loaded->ops = ops;
	loaded->clock = clock_new(config->clock.trust);
	loaded->catalog = catalog_new();
	loaded->policies = policies_new(config);

	const struct services services = {
	    .loop = &loaded->loop,
	    .clock = loaded->clock,
	    .config = config,
	    .catalog = loaded->catalog,
	    .policies = loaded->policies,
	    .policies_changed = ignore,
	    .ctx = loaded,
	};
	loaded->host = ops->open(&services);
	ops->load(loaded->host, problems);
	if (*config->agent_asset) {
		loaded->self = self_new(config->agent_asset, loaded->clock, loaded->catalog,
		    loaded->policies, NULL, ignore, loaded);
		self_refresh(loaded->self);
	}
	return loaded;
}

void loaded_close(struct loaded *loaded)
{
	self_free(loaded->self);
	loaded->ops->close(loaded->host);
	uv_run(&loaded->loop, UV_RUN_DEFAULT); /* handles that close */
	must(uv_loop_close(&loaded->loop) == 0);
	policies_free(loaded->policies);
	catalog_free(loaded->catalog);
	clock_free(loaded->clock);
	free(loaded);
}

const struct catalog *loaded_catalog(const struct loaded *loaded)
{
	return loaded->catalog;
}

const struct policies *loaded_policies(const struct loaded *loaded)
{
	return loaded->policies;
}
