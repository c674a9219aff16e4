/* Code that a runtime makes while it runs, as it writes it down for perf in more detail than perf_map.h:
 * jit-PID.dump, with the functions' code, names and source lines (Linux
 * tools/perf/Documentation/jitdump-specification.txt). Node writes it with --perf-prof. That it may be found,
 * the process maps its first page to be executed. */
#pragma once

#include "proc/maps.h"
#include "proc/pidref.h"
#include "unwind/image.h"

struct jit_dump;

/* Of a process, by its mappings. NULL: there is none that can be read. Of one that is too large the
 * beginning.
 */
struct jit_dump *jit_dump_read(const struct pidref *process, const struct map_list *maps);
/* The same of a file, which stays the caller's. */
struct jit_dump *jit_dump_of_file(int fd);
void jit_dump_free(struct jit_dump *dump); /* accepts NULL */

/* The function at that address, with file and line where they are told. Good until jit_dump_free(). */
bool jit_dump_find(const struct jit_dump *dump, uint64_t address, struct image_place *ret_place);
