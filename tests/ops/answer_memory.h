/* An answer into memory, and a context for operations on the live machine. */
#pragma once

#include "ops/operation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

struct memory_answer {
    struct answer answer;
    char type[64], file[256];
    int64_t length;
    struct fields extra;
    struct buffer body;
    struct sink *sink;
    uint64_t fail_after; /* the body's sink fails with EPIPE then; 0: never */
};

static int memory_answer_begin(struct answer *answer, const struct answer_head *head, struct sink **ret_sink,
                               struct error *error)
{
    struct memory_answer *memory = (struct memory_answer *)answer;
    int r;

    (void)error;
    assert_null(memory->sink);
    (void)snprintf(memory->type, sizeof memory->type, "%s", head->content_type);
    (void)snprintf(memory->file, sizeof memory->file, "%s", head->file_name ? head->file_name : "");
    memory->length = head->length;
    for (size_t i = 0; head->extra && i < head->extra->count; i++)
        assert_int_equal(fields_add(&memory->extra, head->extra->items[i].name, head->extra->items[i].value),
                         0);
    memory->body.limit = memory->fail_after ? memory->fail_after : 1u << 30;
    r = sink_memory_new(&memory->body, &memory->sink);
    if (r == 0)
        *ret_sink = memory->sink;
    return r;
}

#define MEMORY_ANSWER_INIT ((struct memory_answer){.answer.begin = memory_answer_begin})

static void memory_answer_release(struct memory_answer *answer)
{
    sink_free(answer->sink);
    fields_release(&answer->extra);
    buffer_release(&answer->body);
}
#define _cleanup_answer_ _cleanup_(memory_answer_release)

static struct procfs test_procfs;
static struct operation_context test_context;

_unused_ static int set_up_context(void **state)
{
    (void)state;
    test_context = (struct operation_context){.procfs = &test_procfs,
                                              .service_pid = getpid(),
                                              .machine_name = "MACHINE",
                                              .instance_id = "0123456789",
                                              .stall_ms = 1000};
    return procfs_open("/proc", &test_procfs, NULL);
}

_unused_ static int tear_down_context(void **state)
{
    (void)state;
    procfs_close(&test_procfs);
    return 0;
}

/* arguments are pairs of name and value, ended by NULL. */
static int run(struct memory_answer *answer, struct error *error, const char *operation, int64_t id,
               int64_t child, ...)
{
    _cleanup_request_ struct request request = {.id = id, .child = child, .base = "http://h/api/processes"};
    const char *name;
    va_list arguments;

    (void)snprintf(request.operation, sizeof request.operation, "%s", operation);
    va_start(arguments, child);
    while ((name = va_arg(arguments, const char *)))
        assert_int_equal(fields_add(&request.arguments, name, va_arg(arguments, const char *)), 0);
    va_end(arguments);
    *error = (struct error){0};
    return operation_run(&test_context, &request, &answer->answer, error);
}
