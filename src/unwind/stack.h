/* What the threads of a process were doing when it was captured: the frames of each, with names.
 *
 * Three steps, each usable by itself: walk.h finds the addresses, images.h the ELF file that an address lies
 * in, image.h the names that it has there. stacks_unwind() does all of them for a whole capture. */
#pragma once

#include "capture/capture.h"
#include "unwind/image.h"
#include "unwind/python.h"
#include "unwind/walk.h"

/* One function that a thread is in. Where one is inlined into another, each of them is a frame. */
struct frame {
    uint64_t address; /* where the thread goes on in it; for those inlined into another, as that one's */
    const struct module *module; /* borrowed of the capture; NULL: the address lies in none */
    const char *function;        /* demangled, owned by the stacks; NULL: no name is known */
    uint64_t offset;             /* of address in that function; bytes */
    const char *file; /* source file as the compiler was told, owned by the stacks; NULL: unknown */
    unsigned line;    /* from 1; 0: unknown */
    bool inlined;     /* into the next frame that is not */
    bool is_python; /* a function of Python: address is the interpreter's, 0 where its frame was not found */
    bool is_dotnet; /* a method of .NET: its runtime told the name, after the capture */
    bool is_return; /* a call stands before address */
    enum walked_by by;
    bool is_signal; /* the kernel's frame for a signal handler: what comes next was interrupted there */
};

struct thread_stack {
    const struct capture_thread *thread; /* borrowed */
    struct frame *frames;                /* innermost first; owned */
    size_t count;
    enum walk_end end; /* why there are no more */
};

enum { STACKS_GIVEN_UP = 16 };

struct stacks {
    struct thread_stack *items; /* in the order of the capture's threads */
    size_t count;
    struct string_pool *strings;
    /* Modules of which names, lines or call frame information are missing since they took too long; the first
     * of given_up_count. Borrowed of the capture. */
    const struct module *given_up[STACKS_GIVEN_UP];
    size_t given_up_count;
};

struct stacks_options {
    bool lines;                   /* look up files, lines and inlined functions, too */
    unsigned most_frames;         /* of a thread; 0: LIMIT_FRAMES */
    pid_t only;                   /* this thread's alone; 0: all */
    const struct memory *memory;  /* what isn't in the captured stacks; NULL: nothing */
    const struct pidref *process; /* whose files the modules are; NULL: of a core, by their paths */
    const struct python *python;  /* what was read of it while it was held; NULL: nothing */
};

/* The capture must outlive ret_stacks. -ENOMEM, else what can't be found out is left out. */
int stacks_unwind(const struct capture *capture, const struct stacks_options *options,
                  struct stacks *ret_stacks) _must_check_;
void stacks_release(struct stacks *stacks);
#define _cleanup_stacks_ _cleanup_(stacks_release)
