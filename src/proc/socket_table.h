/* The tables of sockets of a network namespace, /proc/PID/net/NAME: where a line has its inode, and the text
 * that is made of it. Private to sockets.c. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SOCKET_TEXT_MAX = 320 }; /* longest: unix with its 108 bytes, or two IPv6 addresses with a state */

/* One line of a table, cut into its fields. */
enum { FIELDS_MAX = 12 };

struct socket_line {
    const char *start[FIELDS_MAX], *end[FIELDS_MAX];
    size_t count;
    const char *rest; /* what follows the last field that was cut out, without the one blank between */
    const char *line_end;
};

/* One table: where a line has its inode, and how the text is made of it. */
struct socket_table {
    const char *name;         /* below net/ */
    const char *label;        /* what the text begins with */
    const char *protocols[3]; /* the kernel's struct proto names of the sockets in it */
    size_t inode_field;
    bool (*describe)(const struct socket_table *table, const struct socket_line *line, char *text,
                     size_t size);
};

enum { SOCKET_TABLE_UNIX = 0, SOCKET_TABLES = 13 };
extern const struct socket_table socket_tables[SOCKET_TABLES];

/* Cuts fields 0 .. last out of the line. False where it has fewer. */
bool socket_line_split(const char *at, const char *end, size_t last, struct socket_line *ret_line);
/* The field as a decimal number, all of it. */
bool socket_field_u64(const struct socket_line *line, size_t field, uint64_t *ret_value);
