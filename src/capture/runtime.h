/* What runs a process's code, and in which version: a language's runtime, or nothing but the machine. The
 * process isn't asked: its program's name, the files that it has mapped and their contents tell, in its own
 * mount namespace. */
#pragma once

#include "proc/stat.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum runtime_kind {
    RUNTIME_UNKNOWN, /* a thread of the kernel, or it may not be looked at */
    RUNTIME_NATIVE,
    RUNTIME_DOTNET,
    RUNTIME_JAVA, /* HotSpot, or not begun yet */
    RUNTIME_OPENJ9,
    RUNTIME_NODE,
    RUNTIME_PYTHON,
    RUNTIME_GO,
    RUNTIME_RUBY,
    RUNTIME_PHP,
    RUNTIME_PERL,
    RUNTIME_ERLANG,
    RUNTIME_MONO,
    RUNTIME_DENO,
    RUNTIME_BUN,
    RUNTIME_LUA,
};

enum { RUNTIME_VERSION_MAX = 24, RUNTIME_TEXT_MAX = 48 };

struct runtime {
    enum runtime_kind kind;
    char version[RUNTIME_VERSION_MAX]; /* "17.0.15"; "" unknown. Letters, digits, dots and such */
};

/* directory_fd: /proc/PID; stat of it. What was found out is remembered, so that to ask again costs a look at
 * its program's path. Anew are looked at: a process that runs another program by now, and one that is young,
 * since runtimes are loaded by and by. All that is looked at takes a bounded time of the processor; past it
 * processes are RUNTIME_UNKNOWN until the minute is over. */
void runtime_read(int directory_fd, const struct proc_stat *stat, struct runtime *ret_runtime);

/* For lists: what runtime_read() has said of it within the last minute, and would again; no file is read. A
 * process that has run another program since mostly has another comm. False: ask runtime_read(). */
bool runtime_recall(pid_t pid, uint64_t start_ticks, const char *comm, struct runtime *ret_runtime);

const char *runtime_name(enum runtime_kind kind); /* ".NET", "native"; "" for RUNTIME_UNKNOWN */

/* "Java 17.0.15". */
void runtime_text(const struct runtime *runtime, char text[RUNTIME_TEXT_MAX]);
