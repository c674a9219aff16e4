/* The socket tables of /proc/PID/net: names of unix sockets are bytes of the target's choice. The first byte
 * chooses the table. */
#include "proc/sockets.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct socket_query items[4] = {{.inode = 3}, {.inode = 11}, {.inode = 1}, {.inode = 11}};
    struct socket_query_list list = {.items = items, .count = 4};
    ssize_t used;

    if (size < 1)
        return 0;
    sockets_prepare(&list);
    used = sockets_scan(data[0] % sockets_table_count(), (const char *)data + 1, size - 1, &list);
    if (used > (ssize_t)size - 1)
        __builtin_trap();
    for (size_t i = 0; i < list.count; i++)
        free(items[i].text);
    return 0;
}
