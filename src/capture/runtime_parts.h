/* What finding out a process's runtime consists of; used by runtime*.c alone. */
#pragma once

#include "capture/runtime.h"
#include "memory/memory.h"
#include "proc/maps.h"
#include "proc/pidref.h"

/* The kind and the version that a file's path names: kind RUNTIME_UNKNOWN where it names none. is_library: of
 * a file that is mapped, else of the program. */
void runtime_of_path(const char *path, bool is_library, struct runtime *ret_runtime);

/* Fills in or betters runtime->version by what the file says: map, or where that is NULL the program. */
void runtime_version_read(const struct pidref *process, const struct map *map, const char *path,
                          struct runtime *runtime);

/* The version of Go that made a program; -ENOENT: it is none of Go's. */
int runtime_go_version(const struct memory *program, char version[RUNTIME_VERSION_MAX]) _must_check_;

/* Takes over as much of text as a version may consist of. */
void runtime_version_take(const char *text, size_t size, char version[RUNTIME_VERSION_MAX]);
