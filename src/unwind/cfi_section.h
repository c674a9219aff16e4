/* One section of call frame information: its entries, and which of them is for an address. Private to cfi.c
 * and cfi_program.c. */
#pragma once

#include "unwind/cfi.h"
#include "unwind/reader.h"

struct cfi_entry {
    uint64_t start;
    uint64_t offset; /* in the section */
};

struct cfi_section {
    const uint8_t *bytes; /* borrowed; NULL: there is no such section */
    size_t size;
    uint64_t address; /* bytes' own */
    bool is_eh;
    /* .eh_frame_hdr's sorted pairs of i32: the start of a function and its entry, both counted from
     * table_base. NULL: the section has to be gone through once. */
    const uint8_t *table;
    size_t table_count;
    uint64_t table_base;
    struct cfi_index {
        struct cfi_entry *items; /* ascending start */
        size_t count, capacity;
    } index;
    bool is_indexed;
};

/* What the CIE and the FDE that refers to it say of a function. */
struct cfi_function {
    uint64_t start, end;
    uint64_t code_factor;
    int64_t data_factor;
    uint64_t return_register;
    uint8_t encoding;
    bool is_signal;
    struct reader common, own; /* instructions of the CIE, and of the FDE */
};

/* header: .eh_frame_hdr, or NULL. */
void cfi_section_set_header(struct cfi_section *section, const uint8_t *header, size_t size,
                            uint64_t address);
void cfi_section_release(struct cfi_section *section);

bool cfi_section_find(struct cfi_section *section, uint64_t address, struct cfi_function *ret_function);

/* DW_EH_PE_...: a pointer in one of the forms that compilers write. False: another form, or past the end. */
bool cfi_pointer_read(const struct cfi_section *section, struct reader *reader, uint8_t encoding,
                      uint64_t *ret_value);

/* The row of the function for that address, which lies in it. Owned by the caller. NULL: its instructions
 * are broken, or there is no memory. */
struct cfi_row *cfi_program_run(const struct cfi_section *section, const struct cfi_function *function,
                                uint64_t address);
