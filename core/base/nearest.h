/* "did you mean": the name that a mistyped one is nearest to. */
#ifndef NEAP_CORE_NEAREST_H
#define NEAP_CORE_NEAREST_H

/* The nearest of `names` (NULL-terminated array), or NULL where none is near enough to be meant. */
const char *nearest_name(const char *name, const char *const *names);

#endif
