/* A list of web origins, as it stands in the configuration: "https://portal.example.com
 * http://localhost:3000", with blanks or commas between. An origin is what a browser sends as Origin (RFC
 * 6454): scheme, host, and the port where it is not the scheme's own. */
#pragma once

#include <stdbool.h>

enum { ORIGINS_MAX = 32 };

/* Whether all of them are http or https origins, and no more than ORIGINS_MAX. Neither * nor null is one. */
bool origins_are_valid(const char *list);

/* Whether origin is one of them. The case of letters is not looked at. */
bool origins_hold(const char *list, const char *origin);
