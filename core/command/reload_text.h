/* What came of a reload (docs/control.md), as a person reads it. */
#ifndef NEAP_CORE_RELOAD_TEXT_H
#define NEAP_CORE_RELOAD_TEXT_H

#include "core/base/json.h"

/* Changes on standard output, problems on standard error; true if all is well. */
bool reload_print(const struct json *answer);

#endif
