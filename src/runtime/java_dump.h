/* What HotSpot's Thread.print says: its threads with their states, frames and locks, read out of the text
 * that is meant for people, since there is no other form of it. JDK 8 to 25 are understood; a line that is of
 * no known form is passed over.
 *
 * Form: jdk src/hotspot/share/runtime/{threads,javaThread,vframe,vmOperations}.cpp, classfile/javaClasses.cpp
 * (print_stack_element), runtime/osThread.cpp (nid: hexadecimal with 0x, decimal since JDK 21). The names in
 * it are the program's own, and so may be anything: a thread that has a line break in its name is not
 * understood. */
#pragma once

#include "base/buffer.h"
#include "base/string_pool.h"

#include <sys/types.h>

enum java_lock_kind {
    JAVA_LOCKED,
    JAVA_WAITING_ON,        /* in Object.wait() */
    JAVA_WAITING_TO_LOCK,   /* a monitor that another has */
    JAVA_WAITING_TO_RELOCK, /* likewise, to come out of Object.wait() */
    JAVA_PARKING,           /* of java.util.concurrent */
    JAVA_WAITING_FOR_CLASS, /* that another thread initializes */
    JAVA_ELIMINATED,        /* locked, says the program, but no other thread could see it */
};

struct java_lock {
    enum java_lock_kind kind;
    uint64_t address;       /* in the heap, until the next collection; 0: not known */
    const char *class_name; /* "java.lang.Class for x.Y" too; NULL: not known */
};

struct java_frame {
    const char *class_name, *method; /* class_name "": there is none */
    const char *module;              /* java.base@17.0.15; NULL: none is told */
    const char *file;                /* NULL: not known */
    unsigned line;                   /* 0: not known */
    bool is_native;
    uint32_t first_lock, lock_count; /* of the dump's locks */
};

struct java_thread {
    const char *name;
    uint64_t number; /* Thread.threadId(); 0: none of Java's, but the virtual machine's own */
    uint64_t nid;    /* its number in its own pid namespace; 0: not told */
    pid_t tid;       /* its number in ours; 0: not known (java_stacks.h) */
    bool is_daemon;
    const char *state;                 /* RUNNABLE, WAITING, ...; NULL: not told */
    const char *state_reason;          /* "parking", "on object monitor"; NULL: none */
    uint32_t first_frame, frame_count; /* of the dump's frames, innermost first */
    uint64_t virtual_number;           /* of the virtual thread that it carries; 0: none */
    uint32_t virtual_count; /* frames of that one, behind the thread's own; JDK 24 and later tell them */
    uint32_t first_owned, owned_count; /* of the dump's locks: those of java.util.concurrent that it has */
    bool has_more;                     /* frames than the virtual machine tells */
};

struct java_dump {
    const char *machine, *version; /* "OpenJDK 64-Bit Server VM", "17.0.15+6"; NULL: not told */
    struct {
        struct java_thread *items;
        size_t count, capacity;
    } threads;
    struct {
        struct java_frame *items;
        size_t count, capacity;
    } frames;
    struct {
        struct java_lock *items;
        size_t count, capacity;
    } locks;
    uint64_t deadlocks;
    bool is_whole; /* it came to its end */
    bool is_cut;   /* there was more than our limits take */
    struct string_pool *strings;
    /* private: where the reader is */
    struct buffer line;
    bool skips, in_stack, in_virtual, in_owned, behind_threads;
};

int java_dump_init(struct java_dump *dump) _must_check_; /* -ENOMEM */
void java_dump_release(struct java_dump *dump);          /* accepts what was never initialized, all zeros */
#define _cleanup_java_dump_ _cleanup_(java_dump_release)

/* The next bytes of the text, in pieces of any size. -ENOMEM; what is too much is left out. */
int java_dump_feed(struct java_dump *dump, const char *bytes, size_t size) _must_check_;
/* There are no more. */
int java_dump_end(struct java_dump *dump) _must_check_;

/* As HotSpot says it: "waiting to lock". */
const char *java_lock_words(enum java_lock_kind kind);
