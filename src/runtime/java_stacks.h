/* The Java frames of a process's threads, asked of its virtual machine, beside what was captured of it.
 * Asking takes two steps, so that both are of nearly the same instant: it is made to listen before the
 * capture, and asked as soon as that lets the process run on. */
#pragma once

#include "capture/capture.h"
#include "capture/jvm.h"
#include "runtime/java_dump.h"

struct java_index;

struct java_stacks {
    enum jvm_kind kind;    /* JVM_NONE: there is nothing else */
    struct error error;    /* why there are no frames, or not all; code 0: nothing is wrong */
    struct java_dump dump; /* threads without a tid are none of the captured ones */
    int64_t time;          /* when it was asked, ns since 1970; 0: it wasn't */
    /* private */
    int fd;
    uint64_t patience_ms;
    struct java_index *by_tid;
    size_t by_tid_count;
};

#define JAVA_STACKS_INIT ((struct java_stacks){.fd = -1})

/* Connects to the process where it is a Java virtual machine. A failure is kept for java_stacks_take(). Each
 * of the two takes patience_ms at the most. */
void java_stacks_begin(struct java_stacks *java, const struct pidref *process, uint64_t patience_ms);
/* What goes wrong is said in java->error; there may be frames all the same. -ENOMEM. */
int java_stacks_take(struct java_stacks *java, const struct pidref *process,
                     const struct capture *capture) _must_check_;
void java_stacks_release(struct java_stacks *java);
#define _cleanup_java_stacks_ _cleanup_(java_stacks_release)

/* NULL: Java knows no such thread. */
const struct java_thread *java_stacks_find(const struct java_stacks *java, pid_t tid);
