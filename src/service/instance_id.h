/* What an instance is called: an id that stays the same over restarts, and a run that does not. */
#pragma once

#include <stdbool.h>

enum {
    INSTANCE_ID_SIZE = 65,  /* of one that is derived, with its NUL */
    INSTANCE_ID_MAX = 128,  /* characters of any */
    INSTANCE_SHORT = 6,     /* those of the short one */
    INSTANCE_RUN_SIZE = 17, /* with its NUL */
};

/* 64 digits, as Azure's are, from the machine id (machine-id(5); a file that can't be read counts as empty)
 * and the host name: copies of one container image share the former, machines that were cloned the latter. */
void instance_id_derive(const char *machine_id_file, const char *host_name, char ret_id[INSTANCE_ID_SIZE]);

/* Letters, digits and . _ - only, and not too long: it stands in paths, cookies and headers. */
bool instance_id_is_valid(const char *id);

/* A random one: two processes that go by one id are told apart by it, and one that is met under two addresses
 * is known again. */
void instance_run_make(char ret_run[INSTANCE_RUN_SIZE]);
