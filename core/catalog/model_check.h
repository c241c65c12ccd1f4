/*
 * What the scripts declare against a model that the server has: what one knows and the other does
 * not, or knows as another kind, type or with other parameters. Labels do not count.
 */
#ifndef NEAP_CORE_MODEL_CHECK_H
#define NEAP_CORE_MODEL_CHECK_H

#include "core/base/problems.h"
#include "core/catalog/catalog.h"

/*
 * Reads the zip, all *.app files in it, and adds a problem for each difference, by path: an error
 * where the server would ignore what is sent or ask for what is not there, a warning where it only
 * knows less. encoding: what it should have, "MQTT" or "REST". -1: the file cannot be read.
 */
int model_check(const char *zip, const struct catalog *catalog, const char *encoding,
    struct problems *differences, struct err *err);

#endif
