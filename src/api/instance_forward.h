/* Passing a request on to another instance, by way of the inspector. */
#pragma once

#include "api/call.h"

#define INSTANCE_COOKIE "ARRAffinity"

/* caller->prefix: what the answer's hrefs are to begin with. target: path and query for the other one.
 * remembers: the client is to get the cookie, if there is such an instance. operation: what it is there, for
 * the audit; "-" what takes and changes nothing, NULL nobody knows. Answers in any case. */
void instance_forward(const struct caller *caller, struct http_exchange *exchange, const char *id,
                      const char *target, bool remembers, const char *operation);

/* "ARRAffinity=ID; Path=/prefix/; ..."; id "": one that takes it back. */
enum { INSTANCE_COOKIE_SIZE = 512 };
void instance_cookie(const struct caller *caller, const char *id, char text[INSTANCE_COOKIE_SIZE]);
