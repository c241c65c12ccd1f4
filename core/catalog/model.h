/* The application model: the zip with model.app (XML) that tells the server what the scripts
 * declare. Format: the vendor's "application/1.0". */
#ifndef NEAP_CORE_MODEL_H
#define NEAP_CORE_MODEL_H

#include "core/base/buf.h"
#include "core/catalog/catalog.h"

struct model_options {
	const char *type, *name, *revision; /* application's: "com.neap.GW", ... */
	bool mqtt; /* dialect current: encoding type MQTT, and units behind the labels; else REST */
	bool imei; /* comm-id IMEI, else SERIAL */
};

void model_xml(const struct catalog *catalog, const struct model_options *options, struct buf *out);
int model_write(const char *path, const struct catalog *catalog,
    const struct model_options *options, struct err *err);

#endif
