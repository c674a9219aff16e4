/* The file of a heap on its way into an answer: in the runtime's own form, in which it comes, or wrapped on
 * the way. The answer begins with the file's first bytes, since only then it is certain that there will be
 * one. */
#pragma once

#include "ops/dump_compress.h"
#include "ops/heap.h"

struct heap_file;

struct heap_wrap {
    const char *name;         /* as in format= */
    const char *ending;       /* of the file's name ... */
    bool replaces;            /* ... in place of the runtime's own, not behind it */
    const char *content_type; /* NULL: that of what it holds */
    /* The sink takes the runtime's file, and stays the wrap's. */
    int (*begin)(struct heap_file *file, struct sink *out, struct sink **ret_sink);
    int (*finish)(struct heap_file *file);
    void (*release)(struct heap_file *file);
};

/* As it is; the others hold it. */
extern const struct heap_wrap heap_wrap_none, heap_wrap_zip, heap_wrap_diagsession;
extern const struct heap_wrap heap_wrap_compressed; /* by compression, which has its endings, too */

struct heap_file {
    /* set before it is sent */
    struct heap_target target;
    const struct heap_wrap *wrap;
    struct dump_compression compression;
    /* private */
    uint64_t maximum, written; /* bytes before they are wrapped */
    int64_t time;
    struct answer *answer;
    struct answer_head head;
    struct heap_output output;
    struct error *error;
    struct sink *sink; /* borrowed; NULL until the first bytes */
    void *wrapped;     /* the wrap's own */
    char process[256];
    char own_name[160]; /* of the file that is wrapped */
};

#define HEAP_FILE_INIT ((struct heap_file){.target = HEAP_TARGET_INIT, .wrap = &heap_wrap_none})

void heap_file_release(struct heap_file *file);
#define _cleanup_heap_file_ _cleanup_(heap_file_release)

/* Where the request is for the head alone, that alone. */
int heap_file_send(const struct operation_context *context, const struct request *request,
                   struct heap_file *file, struct answer *answer, struct error *error) _must_check_;
