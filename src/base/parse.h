/* Strict parsing of what comes from outside: the whole text must be the value, nothing is skipped or guessed.
 */
#pragma once

#include "base/cleanup.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whole-string parsers. 0, -EINVAL (not of the form) or -ERANGE (does not fit). */
int parse_u64(const char *text, uint64_t *ret_value) _must_check_; /* decimal digits */
int parse_i64(const char *text, int64_t *ret_value) _must_check_;  /* [-]digits */
int parse_hex(const char *text,
              uint64_t *ret_value) _must_check_; /* digits of base 16, no 0x needed, 0x allowed */
int parse_bool(const char *text, bool *ret_value) _must_check_; /* true false 1 0 yes no on off, any case */
int parse_duration_ms(const char *text,
                      uint64_t *ret_value) _must_check_; /* 250ms, 10s, 5m, 1h; bare = seconds, 1.5 too */
int parse_size(const char *text, uint64_t *ret_value) _must_check_; /* 4096, 64K, 16M, 2G (powers of 1024) */

/* Scanners for kernel text: take a value at *cursor (not past end) and move the cursor behind it. They return
 * false, with the cursor and the result as they were, where there is none or it does not fit. */
bool scan_u64(const char **cursor, const char *end, uint64_t *ret_value);
bool scan_i64(const char **cursor, const char *end, int64_t *ret_value);
bool scan_hex(const char **cursor, const char *end, uint64_t *ret_value); /* without 0x */
bool scan_char(const char **cursor, const char *end, char wanted);
void scan_blanks(const char **cursor, const char *end); /* spaces and tabs */
