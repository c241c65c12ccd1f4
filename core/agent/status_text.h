/* The status (docs/status.md) as a person reads it, on standard output. */
#ifndef NEAP_CORE_STATUS_TEXT_H
#define NEAP_CORE_STATUS_TEXT_H

#include "core/base/json.h"

void status_print(const struct json *status);
void status_print_policies(const struct json *status);
/* sensors: what the control socket's "sensors" gives; those whose path begins so. */
void status_print_sensors(const struct json *sensors, const char *beginning);

#endif
