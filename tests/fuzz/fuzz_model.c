/* A model as `neap model --check` reads it: any bytes as the zip, and as a file in one. */
#include "core/base/sample.h"
#include "core/catalog/model_read.h"
#include "core/catalog/zip.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void parse(const void *zip, size_t len)
{
	struct model model = {.encoding = "MQTT"};
	struct err err = {0};

	if (model_parse(zip, len, &model, &err) == 0) {
		for (size_t i = 0; i < model.count; i++) {
			must(strlen(model.items[i].path) <= PATH_MAX_BYTES);
			for (const struct model_param *p = model.items[i].params; p; p = p->next)
				must(p->id != NULL);
		}
	} else {
		must(err.text[0] != '\0');
	}
	model_free(&model);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct zip zip = {0};
	struct buf archive = {0};

	parse(data, size);
	zip_add(&zip, "model.app", data, size);
	zip_finish(&zip, &archive);
	parse(archive.data, archive.len);
	buf_free(&archive);
	return 0;
}
