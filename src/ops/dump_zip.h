/* What a zip holds: the dump, the process in full (process.json), the modules that a debugger wants, and the
 * manifest. docs/ZIP.md says what it looks like. */
#pragma once

#include "ops/dump_form.h"
#include "ops/operation.h"

enum dump_zip_modules {
    DUMP_ZIP_DEBUGGER, /* what debugs the runtime that the process has */
    DUMP_ZIP_ALL,      /* and every mapped ELF file */
    DUMP_ZIP_NONE,
};

/* modules=; zip: whether there is a zip to put them into. */
int dump_zip_modules_read(const struct request *request, bool zip, enum dump_zip_modules *ret_modules,
                          struct error *error) _must_check_;

/* All borrowed. */
struct dump_zip {
    const struct operation_context *context;
    const struct request *request;
    const struct pidref *target;
    const struct capture *capture; /* held_ns is looked at after the dump was written */
    const struct dump_form *form;
    const void *plan;
    const struct fields *extra; /* the answer's heads */
    uint32_t type;
    const char *name; /* of the dump, without its ending */
    unsigned level;
    uint64_t maximum; /* bytes of all that is in it before it is compressed; modules past them are left out */
    enum dump_zip_modules modules;
};

/* Everything but the dump is read once the dump was written, so that nobody is held for it, from the process
 * as it is then. A process that has ended meanwhile has neither: the manifest says so. */
int dump_zip_write(const struct dump_zip *zip, struct sink *sink, struct error *error) _must_check_;
