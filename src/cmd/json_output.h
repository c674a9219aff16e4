/* The JSON itself on stdout. */
#pragma once

#include "base/buffer.h"
#include "cmd/terminal.h"

#include <jansson.h>

/* On a terminal: indented, and what could act on the terminal as \uNNNN, which is the same JSON. Else: the
 * bytes as they came, and a newline. text and json are the same document. What could not be written stays in
 * ferror(out). */
void json_output(FILE *out, const struct terminal *terminal, const struct buffer *text, const json_t *json);
