/* The configuration's reader with any bytes: a whole configuration, or errors that name their
 * place. */
#include <stdint.h>
#include <string.h>

#include "core/config/config_load.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct problems problems = {0};
	struct config *config = config_parse("f.yaml", (const char *)data, size, &problems);
	must((config == NULL) == (problems.errors > 0));
	for (size_t i = 0; i < problems.count; i++) {
		must(strncmp(problems.list[i].text, "f.yaml:", 7) == 0);
		must(problems.list[i].line > 0 && problems.list[i].column > 0);
	}
	if (config != NULL) {
		must(config->broker.urls != NULL && config->broker.urls[0] != NULL);
		must(config->device.serial[0] != '\0' && config->broker.username[0] != '\0');
		must(strpbrk(config->topics.data, "+#") == NULL && config->topics.data[0] != '\0');
		must(config->params == NULL || config->params->kind == CONFIG_MAP);
	}
	config_free(config);
	problems_free(&problems);
	return 0;
}
