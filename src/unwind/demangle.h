/* Names of functions as their programmers wrote them: C++ (Itanium ABI, "External Names") and Rust (legacy,
 * and v0: RFC 2603; without the hash). The names come from files of targets: both forms can say in a hundred
 * bytes what takes gigabytes to write out, so output is bounded, too. */
#pragma once

#include "base/cleanup.h"

/* Owned by the caller. NULL: not mangled, or not to be read, or too long. */
char *demangle(const char *name);
