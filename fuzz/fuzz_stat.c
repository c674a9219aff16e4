/* /proc/PID/stat: the name in it is bytes of the target's choice. */
#include "proc/stat.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct proc_stat stat;

    memset(&stat, 0xa5, sizeof stat);
    if (proc_stat_parse((const char *)data, size, &stat) < 0)
        return 0;
    /* the name is what stands between the first '(' and the last ')' */
    const char *open = memchr(data, '(', size), *close = memrchr(data, ')', size);
    size_t length = (size_t)(close - open) - 1;
    if (length > COMM_MAX - 1)
        length = COMM_MAX - 1;
    if (memcmp(stat.name, open + 1, length) != 0 || stat.name[length] != '\0' || stat.pid < 0)
        __builtin_trap();
    return 0;
}
