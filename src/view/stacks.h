/* Stacks of threads -> JSON, and text as a debugger prints it. */
#pragma once

#include "runtime/dotnet_names.h"
#include "runtime/java_stacks.h"
#include "view/kudu.h"
#include "view/stack_groups.h"

struct stacks_view {
    const struct kudu_style *style; /* NULL: of a core file, without hrefs */
    const struct capture *capture;
    const struct stacks *stacks;
    const struct java_stacks *java;    /* NULL: there is no Java virtual machine, or it was not asked */
    const struct dotnet_names *dotnet; /* likewise of .NET */
    bool together;                     /* threads with the same frames once */
};

/* The whole document; one thread's alone for a request of one. -ENOMEM stays in json. */
void stacks_json(struct json *json, const struct stacks_view *view);
void stack_json(struct json *json, const struct stacks_view *view, const struct thread_stack *stack);

/* Names of targets come out as text_escape() has them. */
int stacks_text(struct buffer *out, const struct stacks_view *view) _must_check_;

/* Why there are no more frames, for a reader; NULL for the whole stack. */
const char *stack_end_words(enum walk_end end);
/* The last part of a module's path. */
const char *stack_module_name(const struct module *module);
