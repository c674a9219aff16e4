/* One verb of the command line: what it is called, what it takes, how it is explained, what runs. Parsing and
 * help both come from these tables, so they can't disagree. */
#pragma once

#include "base/cleanup.h"

#include <stdbool.h>
#include <stddef.h>

enum { ARGUMENTS_MAX = 3, OPTIONS_GIVEN_MAX = 32 };

struct command_option {
    int letter;           /* the short option; above 255 where there is only the long one */
    const char *name;     /* the long option; NULL ends the table */
    const char *argument; /* what it takes, for the help; NULL: nothing */
    const char *help;
};

struct command_example {
    const char *command; /* NULL ends the table */
    const char *meaning;
};

struct invocation;

struct verb {
    const char *name;
    const char *arguments; /* "PID [TID]"; "" none */
    const char *summary;   /* one line */
    const char *description;
    const struct command_option *options; /* its own ones; NULL: none */
    const struct command_example *examples;
    unsigned least, most; /* arguments */
    int (*run)(const struct invocation *invocation);
    int (*run_raw)(int argc, char **argv); /* instead: parses for itself; argv[0] is the verb */
};

struct invocation {
    const struct verb *verb;
    const char *arguments[ARGUMENTS_MAX];
    size_t argument_count;
    struct {
        int letter;
        const char *value;
    } given[OPTIONS_GIVEN_MAX];
    size_t given_count;
};

/* Options that every verb takes. */
enum {
    OPTION_URL = 'u',
    OPTION_JSON = 'j',
    OPTION_HELP = 'h',
    OPTION_VERSION = 'V',
    OPTION_COLOR = 0x100,
    OPTION_NO_HEADER,
    OPTION_CA_FILE,
    OPTION_INSTANCE,
    OPTION_TOKEN_FILE,
    OPTION_MAIN_PID,
    OPTION_MAIN_NAME,
    OPTION_OWN /* a verb's own long options begin here */
};
extern const struct command_option common_options[];

/* The value of an option as it was given last ("" for one that takes nothing); NULL where it was not. */
const char *invocation_option(const struct invocation *invocation, int letter);

/* The argument at that place; NULL where it was not given. */
const char *invocation_argument(const struct invocation *invocation, size_t index);

extern const struct verb *const verbs[]; /* ends with NULL */
const struct verb *verb_find(const char *name);

extern const struct verb verb_instances, verb_ps, verb_show, verb_threads, verb_modules, verb_env, verb_kill,
    verb_dump, verb_doctor, verb_stack, verb_profile, verb_memory, verb_handles, verb_heap, verb_heapdump,
    verb_gcdump, verb_token;

extern const struct verb verb_serve; /* serve.c */
