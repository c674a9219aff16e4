#include "capture/jvm.h"

#include <string.h>

static const char *file_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

/* OpenJ9 has a libjvm.so, too, which leads to its own libj9vm29.so. */
enum jvm_kind jvm_kind_of(const struct map_list *maps)
{
    enum jvm_kind kind = JVM_NONE;

    for (size_t i = 0; i < maps->count; i++) {
        const char *name = file_name(maps->items[i].path);

        if (strncmp(name, "libj9vm", strlen("libj9vm")) == 0)
            return JVM_OPENJ9;
        if (strcmp(name, "libjvm.so") == 0)
            kind = JVM_HOTSPOT;
    }
    return kind;
}
