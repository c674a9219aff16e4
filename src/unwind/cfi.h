/* Call frame information of one ELF file: how to get from a function to its caller, for each address. DWARF
 * 5, chapter 6.4; .eh_frame and .eh_frame_hdr: Linux Standard Base, "Exception Frames". What was looked up is
 * remembered by address: threads of a pool all wait at the same one.
 *
 * libelf finds the sections; what is in them is read here, since libdw's reader (0.188) trusts it: one
 * register's number makes it allocate 2 GiB, and the letters of an augmentation lead it past the section's
 * end. It is what the tests compare with. */
#pragma once

#include "base/cleanup.h"
#include "unwind/effort.h"

#include <elfutils/libdw.h>
#include <stdbool.h>
#include <stdint.h>

/* Registers have their numbers of DWARF; those from here on (floating point) are not followed. */
enum { CFI_REGISTERS = 33 };

enum cfi_kind {
    CFI_UNSPECIFIED,   /* as the ABI has it for that register */
    CFI_UNDEFINED,     /* lost; the return address: there is no caller */
    CFI_SAME,          /* as in the function itself */
    CFI_AT_OFFSET,     /* saved at CFA + value */
    CFI_IS_OFFSET,     /* CFA + value; the CFA itself: register + value */
    CFI_IN_REGISTER,   /* that of number value */
    CFI_AT_EXPRESSION, /* saved where the expression says */
    CFI_IS_EXPRESSION, /* what it says; the CFA, too, can be that */
};

struct cfi_rule {
    uint8_t number; /* whose rule it is; of the CFA: the register that it counts from */
    uint8_t kind;
    uint16_t size; /* of the expression; bytes */
    union {
        int64_t value;
        const uint8_t *expression; /* in the section */
    };
};

/* What holds from start to before end, addresses of the file. */
struct cfi_row {
    uint64_t start, end;
    struct cfi_rule cfa;
    uint8_t return_register; /* whose value in the caller is where it goes on */
    bool is_signal; /* the kernel's frame for a handler: the caller was interrupted, it made no call */
    uint8_t count;
    struct cfi_rule rules[]; /* of registers that have one, ascending */
};

struct cfi;

/* elf: the file with .eh_frame; debug: the one with .debug_frame, or NULL, or the same. Borrowed, not to be
 * changed as long as this lives. NULL: neither has any, or there is no memory. */
struct cfi *cfi_new(Elf *elf, Dwarf *debug);
void cfi_free(struct cfi *cfi); /* accepts NULL */

/* The row for that address of the file; NULL: there is none, or the time is over and it was not asked for
 * before. Good until the next call: the rows that are kept
 * are bounded by LIMIT_CFI_ROWS bytes, and past it all go. */
const struct cfi_row *cfi_find(struct cfi *cfi, uint64_t file_address);

/* The time that looking up rows takes, and evaluating what stands in them. */
struct effort *cfi_effort(struct cfi *cfi);

/* What it and the sections that it made libelf read take; bytes. */
size_t cfi_size(const struct cfi *cfi);
