/* Names of code that a runtime makes while it runs, as it writes them down for perf: /tmp/perf-PID.map, lines
 * of "START SIZE name" in hex (Linux tools/perf/Documentation/jit-interface.txt). Node writes it with
 * --perf-basic-prof, .NET with DOTNET_PerfMapEnabled=1, the JVM by jcmd Compiler.perfmap. */
#pragma once

#include "proc/pidref.h"

#include <stdbool.h>

struct perf_map;

/* Of a process, in its own mount namespace and by its own pid there. Only a file of the user that the process
 * runs as: in /tmp anybody can put one. NULL: there is none that counts. */
struct perf_map *perf_map_read(const struct pidref *process);
/* The same of a text, which is copied. */
struct perf_map *perf_map_parse(const char *text, size_t size);
void perf_map_free(struct perf_map *map); /* accepts NULL */

/* Code is made, thrown away and made elsewhere: of several entries the one that was written last counts.
 * *ret_name is good until perf_map_free(). */
bool perf_map_find(const struct perf_map *map, uint64_t address, const char **ret_name, uint64_t *ret_offset);
