/* `neap check`: everything that can be found wrong without a device or a broker. */
#include "core/command.h"
#include "core/loaded.h"

#include <stdio.h>

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
