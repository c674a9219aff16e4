/* The name of a dump's file, as Kudu gives it: {process}-{short instance id}-{MM-dd-HH-mm-ss UTC}. */
#pragma once

#include <stdint.h>

enum { DUMP_NAME_SIZE = 128 };

/* Only letters, digits and . _ + - stay of the texts, for names of processes are their own choice and must
 * break neither a header nor a path. time: ns since 1970. Without an ending. */
void dump_name_process(const char *process, char text[DUMP_NAME_SIZE]);
void dump_name_instance(const char *instance, char text[DUMP_NAME_SIZE]); /* the short one */
void dump_name(const char *process, const char *instance, int64_t time, char text[DUMP_NAME_SIZE]);
