/* What python.c and python_find.c share. */
#pragma once

#include "base/string_pool.h"
#include "unwind/python.h"

/* Where an interpreter is, as far as its file tells. */
struct python_place {
    uint64_t base;  /* of its module */
    uint64_t inode; /* of that module's first mapping; 0: of a core */
    unsigned minor; /* 3.x; 0: there is none */
    uint64_t runtime, code_type, text_type, bytes_type;
};

struct python {
    pid_t only;
    bool ids_differ; /* native ids are not comparable with ours */
    struct python_place place;
    struct string_pool *strings;
    struct python_frames {
        struct python_frame *items;
        size_t count, capacity;
    } frames;
    struct python_run_list {
        struct python_run *items;
        size_t count, capacity;
    } runs; /* by mark */
};
