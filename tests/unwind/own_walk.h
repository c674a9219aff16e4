/* Walks stacks of the test's own process, or of a child that was forked off it. */
#pragma once

#include "proc/procfs.h"
#include "unwind/walk.h"

#include <ucontext.h>

enum { OWN_FRAMES = 256 };

struct own_walk {
    struct procfs procfs;
    struct pidref process;
    struct map_list maps;
    struct module_list modules;
    struct memory *memory;
    struct images *images;
    struct walked_frame frames[OWN_FRAMES];
    size_t count;
    enum walk_end end;
};

/* pid: 0 is the test itself. What is loaded later isn't seen. */
void own_walk_begin(struct own_walk *own, pid_t pid);
void own_walk_end(struct own_walk *own);

struct registers own_registers(const ucontext_t *context);
void own_walk_registers(struct own_walk *own, const struct registers *registers);
