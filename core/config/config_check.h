/*
 * What the keys of a configuration must be together, once each is right by itself; and the values
 * that follow from others: username, client id, topics.
 */
#ifndef NEAP_CORE_CONFIG_CHECK_H
#define NEAP_CORE_CONFIG_CHECK_H

#include "core/config/config.h"
#include "core/config/config_schema.h"

/* A configuration that is being read. */
struct config_load {
	struct config_reader reader;
	struct config *config;
	struct config_node *root; /* a map */
};

/* Adds to the reader's problems. */
void config_check(const struct config_load *load);

#endif
