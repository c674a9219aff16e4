/* Numbers for people. */
#pragma once

#include "base/cleanup.h"

#include <stdbool.h>
#include <stdint.h>

enum { FORMAT_SIZE = 48 };

void format_bytes(int64_t bytes, char text[FORMAT_SIZE]);        /* "12.3 MiB"; "" for less than 0 */
void format_duration_ns(uint64_t ns, char text[FORMAT_SIZE]);    /* "412 us", "1.23 s", "5m12s", "3d04h" */
bool format_time_span(const char *kudu, char text[FORMAT_SIZE]); /* [-][d.]hh:mm:ss[.fffffff] likewise */
void format_date(const char *kudu, char text[FORMAT_SIZE]);      /* "2026-11-21 06:00:00 UTC" */
