/* What stdout or stderr is: a terminal of some width, with colour or without, or a file. */
#pragma once

#include "base/cleanup.h"

#include <stdbool.h>

enum style { STYLE_PLAIN, STYLE_TITLE, STYLE_KEY, STYLE_NAME, STYLE_QUIET, STYLE_GOOD, STYLE_BAD };

struct terminal {
    bool is_terminal;
    bool color;
    unsigned columns; /* 0: as wide as need be, for files and pipes */
};

/* when: "auto", "always", "never" or NULL for auto. -EINVAL for other words. Without a terminal colour is
 * only used for "always"; auto also heeds NO_COLOR (https://no-color.org) and TERM=dumb. */
int terminal_look(int fd, const char *when, struct terminal *ret_terminal) _must_check_;

/* The escape sequence that begins a style, or that ends all (STYLE_PLAIN); "" without colour. */
const char *terminal_style(const struct terminal *terminal, enum style style);
