/* How `stacks` and `stack` show what they found; also used for cores. */
#pragma once

#include "ops/operation.h"
#include "view/stacks.h"

enum stacks_format { STACKS_JSON, STACKS_TEXT, STACKS_SPEEDSCOPE };

struct stacks_wish {
    enum stacks_format format;
    bool together, lines, runtime;
    bool is_monitor;                /* in dotnet-monitor's form */
    pid_t only;                     /* one thread's alone; 0: all */
    const struct java_stacks *java; /* what the runtime says of its threads; NULL: nothing */
};

extern const struct operation_form stacks_forms[];

int stacks_wish_read(const struct request *request, struct stacks_wish *ret_wish,
                     struct error *error) _must_check_;
/* What stacks are made of; all borrowed. */
struct stacks_sources {
    const struct capture *capture;
    const struct pidref *process; /* whose files its modules are; NULL: of a core, by their paths */
    const struct memory *memory;  /* what doesn't change while the process runs */
    const struct python *python;
    struct dotnet_names *dotnet; /* asked for what has no name; NULL: nothing is */
};

/* Unwinds the capture and answers. style NULL: without hrefs. */
int stacks_answer(const struct stacks_wish *wish, const struct stacks_sources *sources,
                  const struct kudu_style *style, struct answer *answer, struct error *error) _must_check_;
