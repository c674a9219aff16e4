/* The kernel's functions by address, out of /proc/kallsyms: "ffffffff81000000 T name [module]". */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct kernel_names;

/* NULL where they can't be read, or addresses are hidden (kernel.kptr_restrict). */
struct kernel_names *kernel_names_read(void);
/* The same of a text of that form; for tests. */
struct kernel_names *kernel_names_parse(const char *text, uint64_t size);
void kernel_names_free(struct kernel_names *names); /* accepts NULL */

/* name is good until kernel_names_free(). False: before the first function. */
bool kernel_names_find(const struct kernel_names *names, uint64_t address, const char **ret_name);
