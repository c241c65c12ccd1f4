/* libyaml's complaint about a text's syntax, in words for whoever edits the file. */
#ifndef NEAP_CORE_CONFIG_SYNTAX_H
#define NEAP_CORE_CONFIG_SYNTAX_H

#include "core/base/problems.h"

#include <stddef.h>
#include <yaml.h>

/* Adds the one error after yaml_parser_parse() failed; `text` is what the parser was given. */
void config_syntax_problem(const yaml_parser_t *parser, struct problems *problems, const char *file,
    const char *text, size_t len);

#endif
