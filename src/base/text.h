/* Text of targets made fit for a terminal, and how wide it comes out. Names of processes may hold anything:
 * escape sequences, newlines, bytes that are not UTF-8, characters that turn the line around. */
#pragma once

#include "base/buffer.h"

/* Decodes the UTF-8 character at text. Returns its bytes (1 to 4), or 0 where there is none (not UTF-8, an
 * overlong form, a surrogate); size > 0. */
size_t text_decode(const char *text, size_t size, uint32_t *ret_character);

/* Columns on a terminal: 0 combining, 2 wide, -1 not fit to be shown (control, bidirectional override,
 * unassigned). */
int text_character_width(uint32_t character);

/* Appends text with everything that is not fit to be shown as \n \t \e ... \xNN or \u{NNNN}; a backslash
 * stays as it is, since paths and user names (MACHINE\user) hold them. */
int text_escape(const char *text, struct buffer *out) _must_check_;

/* Columns of text that was escaped. */
size_t text_width(const char *text);

/* How many bytes of escaped text fit into so many columns; ret_width (may be NULL) gets the columns they
 * take. */
size_t text_fit(const char *text, size_t columns, size_t *ret_width);
