/* The functions of Python that the threads of a process are in: CPython 3.11 to 3.14, out of the process's
 * memory alone. Nothing is asked of the interpreter, and it needs no symbols.
 *
 * An interpreter keeps frames of its own. One call of its evaluation function runs several of them, from the
 * one that was called from C to the innermost; that is a run here. The evaluation function keeps a mark of
 * its run among its local variables, so the run belongs to the C function whose frame has that address in it:
 * it is known, not counted out.
 *
 * All of it changes while the process runs, so it is read while the process is held: python_read(). What does
 * not fit (types, sizes, versions) is left out, and the C functions stay what is shown. */
#pragma once

#include "capture/capture.h"

struct python;

struct python_frame {
    const char *function; /* the qualified name: "Class.method" */
    const char *file;     /* NULL: unknown */
    unsigned line;        /* from 1; 0: unknown */
};

struct python_run {
    uint64_t mark;       /* address on the C stack */
    uint64_t native_id;  /* of its thread, as the thread itself says (gettid) */
    size_t first, count; /* frames: python_run_frames() */
    bool is_cut;         /* there are more, and with them more runs further out */
};

/* only: of this thread alone; 0: of all. NULL: no memory. */
struct python *python_new(pid_t only);
void python_free(struct python *python); /* accepts NULL */

static inline void cleanup_python(struct python **python)
{
    python_free(*python);
}
#define _cleanup_python_ _cleanup_(cleanup_python)

/* Looks for an interpreter among the modules: the program itself, and files that are called libpython...
 * process: whose files they are; NULL: of a core, by their paths. Takes what it needs. What is known from the
 * time before stays known while it is mapped in the same place. */
void python_find(struct python *python, const struct pidref *process, const struct capture *capture);

/* Reads what the interpreter says now of the capture's threads. Bounded by LIMIT_PYTHON_*. What was read
 * before is gone. -ENOMEM; -ESRCH: the process is gone, or the time of its hold over. */
int python_read(struct python *python, const struct capture *capture,
                const struct memory *memory) _must_check_;

/* Does both for capture_live(); context is a struct python. */
extern const struct capture_reader_ops python_reader;

/* The runs that have their marks from low on and below high, in that order. For as long as nothing is read
 * again. */
size_t python_runs(const struct python *python, uint64_t low, uint64_t high,
                   const struct python_run **ret_runs);
/* Its frames, innermost first. */
const struct python_frame *python_run_frames(const struct python *python, const struct python_run *run);
/* Whether that run can be of thread `id`: the ids of a core, and of a process with a numbering of its own,
 * can't be compared. */
bool python_run_is_of(const struct python *python, const struct python_run *run, pid_t id);
