/* `neap check`: everything that can be found wrong without a device or a broker. */
#include "core/agent/loaded.h"
#include "core/base/mem.h"
#include "core/command/command.h"

#include <errno.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>

/* The folder, or what is there of its path. */
static bool is_in_memory(const char *dir)
{
	char *path = mem_strdup(dir), *slash;
	struct statfs fs;

	while (statfs(path, &fs) < 0) {
		slash = strrchr(path, '/');
		if (errno != ENOENT || !slash || slash == path) {
			free(path);
			return false;
		}
		*slash = '\0';
	}
	free(path);
	return fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC;
}

static void check_durable(
    const struct config *config, const struct policies *policies, struct problems *problems)
{
	if (!is_in_memory(config->queue.dir))
		return;
	for (const struct policy *policy = policies_next(policies, NULL); policy;
	     policy = policies_next(policies, policy)) {
		if (policy->durable && strcmp(policy->name, POLICY_ACKS) != 0)
			problems_add(problems, true,
			    "%s: policy \"%s\" is durable, but queue.dir %s lies in memory: a power cut takes "
			    "its samples",
			    config->path, policy->name, config->queue.dir);
	}
}

int command_check(const struct invocation *invocation)
{
	struct config *config = command_config(&invocation->options);
	struct problems problems = {0};
	struct loaded *loaded;
	size_t paths = 0;
	int status;

	if (!config)
		return EXIT_WRONG;
	loaded = loaded_open(config, invocation->host, &problems);
	check_durable(config, loaded_policies(loaded), &problems);
	command_say(&problems);
	for (const struct entry *entry = catalog_next(loaded_catalog(loaded), NULL); entry;
	     entry = catalog_next(loaded_catalog(loaded), entry))
		paths++;
	status = problems.errors > 0 ? EXIT_WRONG : EXIT_DONE;
	if (status == EXIT_DONE)
		printf("%s is right: the scripts in %s declare %zu paths\n", config->path,
		    config->scripts.dir, paths);
	problems_free(&problems);
	loaded_close(loaded);
	config_free(config);
	return status;
}
