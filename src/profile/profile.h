/* A profile: what the threads of a process were doing when they were looked at, again and again. Knows
 * nothing of how they were looked at, and nothing of the formats that it is written in (formats.h).
 *
 * Stacks are a tree of calls, counted by thread, and besides that the samples are kept in the order in which
 * they came. All of it is bounded (LIMIT_PROFILE_*, under 32 MiB); past a bound samples are still counted,
 * under a name that says what is missing, so that totals are always whole. Not for several threads at once.
 */
#pragma once

#include "base/error.h"
#include "profile/index.h"
#include "profile/strings.h"

#include <sys/types.h>

enum profile_what {
    PROFILE_CPU,    /* a sample is a period of running on a processor */
    PROFILE_WALL,   /* ... of time, running or not */
    PROFILE_INSTANT /* ... a thread at the one instant that it is of; for speedscope alone */
};

/* What is known from the start; copied. Strings: NULL or "" where unknown. */
struct profile_facts {
    pid_t pid;
    const char *name, *command_line;
    const char *executable; /* the path that its module has: the first in what is written */
    int64_t began;          /* ns since 1970, UTC */
    uint64_t period;        /* ns between samples; at least 1 */
    enum profile_what what;
    unsigned processors;
    const char *host, *machine; /* name; what it is: "Linux 6.1.0, x86_64" */
    const char *how;            /* a sentence: how samples were taken */
};

struct profile_module {
    uint32_t path, build_id; /* strings; the latter in hex */
    uint64_t start, end;     /* where it is mapped; 0: unknown */
    uint64_t linked;         /* what start is in the file's own addresses (p_vaddr) */
};

enum { MODULE_NONE = 0 };

struct profile_frame {
    uint64_t address;        /* in the function; 0: has none */
    uint32_t function, file; /* strings; STRING_NONE: unknown */
    uint32_t line;           /* from 1; 0: unknown */
    uint16_t module;
    bool kernel;
    bool inlined; /* into the next one outwards, and at its address */
};

/* Frames that stand for what is missing. */
enum { FRAME_STACK_NOT_KEPT, FRAME_NOT_KEPT, FRAME_NO_STACK, FRAME_OUTER_LEFT_OUT, FRAMES_OWN };

struct profile_node {
    uint32_t parent, frame; /* parent: a smaller number */
};

enum { NODE_ROOT, NODE_NOT_KEPT, NODES_OWN }; /* the root has no frame */

struct profile_thread {
    uint32_t tid, name;
    uint64_t samples;
};

enum { THREAD_NOT_KEPT = 0 }; /* tid 0: those past the bound */

struct profile_sample {
    uint64_t time; /* ns since it began */
    uint32_t thread, node;
};

/* How often a stack was seen in a thread, and how many of these are in the log. */
struct profile_count {
    uint32_t node, thread, count, logged;
};

struct profile {
    struct profile_facts facts;
    uint64_t duration;    /* ns; written by the owner at the end, at least the last sample's time */
    size_t given_up;      /* files of which names or lines are missing since they took too long */
    struct error unnamed; /* why code of a runtime has no names; code 0: nothing is wrong. Likewise */
    uint64_t lost;        /* samples that the kernel or the sampler dropped; written by the owner */
    uint64_t samples;     /* all of them */
    struct strings strings;
    struct profile_modules {
        struct profile_module *items;
        size_t count, capacity;
    } modules;
    struct profile_frames {
        struct profile_frame *items;
        size_t count, capacity;
    } frames;
    struct profile_nodes {
        struct profile_node *items;
        size_t count, capacity;
    } nodes;
    struct profile_threads {
        struct profile_thread *items;
        size_t count, capacity;
    } threads;
    struct profile_counts {
        struct profile_count *items;
        size_t count, capacity;
    } counts;
    struct profile_log {
        struct profile_sample *items;
        size_t count, capacity;
    } log;
    struct index frame_index, node_index, thread_index, count_index;
    char *texts[6]; /* the facts' */
};

/* -ENOMEM, -EINVAL (no period). */
int profile_init(struct profile *profile, const struct profile_facts *facts) _must_check_;
void profile_release(struct profile *profile);
#define _cleanup_profile_ _cleanup_(profile_release)

/* The functions below fail with -ENOMEM alone: past a bound they give the number that stands for what is
 * missing. */

/* tid > 0. Of a thread that is there already, the name is replaced, unless it is NULL. */
int profile_add_thread(struct profile *profile, pid_t tid, const char *name,
                       uint32_t *ret_thread) _must_check_;

struct profile_module_facts {
    const char *path, *build_id;
    uint64_t start, end, linked; /* as in struct profile_module */
};
/* A mapped file, or what else holds code: the same one once. Goes through all of them: the caller remembers
 * the number for as long as its own list stands. */
int profile_add_module(struct profile *profile, const struct profile_module_facts *facts,
                       uint32_t *ret_module) _must_check_;

struct profile_frame_facts {
    const char *function; /* NULL: no name is known */
    const char *file;     /* NULL: unknown */
    uint64_t address;
    uint32_t line, module;
    bool kernel, inlined;
};
/* The number of an equal one, if there is one. */
int profile_intern_frame(struct profile *profile, const struct profile_frame_facts *facts,
                         uint32_t *ret_frame) _must_check_;

/* What a frame without a function is called, when no frame is added any more. -ENOMEM. */
int profile_name_frame(struct profile *profile, uint32_t frame, const char *function) _must_check_;

/* frames: innermost first; of more than LIMIT_PROFILE_DEPTH the outermost are left out. */
int profile_add_sample(struct profile *profile, uint64_t time, uint32_t thread, const uint32_t *frames,
                       size_t count) _must_check_;

static inline const char *profile_string(const struct profile *profile, uint32_t number)
{
    return strings_get(&profile->strings, number);
}

/* The frames of the stack that ends in node, innermost first; returns how many, LIMIT_PROFILE_DEPTH + 1 at
 * most. */
size_t profile_stack(const struct profile *profile, uint32_t node, uint32_t *frames);

/* What a frame is called: its function, else "module+0xoffset", else its address. */
void profile_frame_label(const struct profile *profile, uint32_t frame, char *ret_label, size_t size);
enum { PROFILE_LABEL_SIZE = 1280 }; /* every label fits */
