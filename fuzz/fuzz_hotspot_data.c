/* Performance data of a virtual machine, which is the program's own: whatever it holds, nothing beside it is
 * read. */
#include "runtime/hotspot_data.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good)
{
    if (!good)
        __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hotspot_data file = {.fd = -1, .bytes = malloc(size + 1), .size = size};
    char text[32];
    int64_t value;

    check(file.bytes != NULL);
    memcpy(file.bytes, data, size);
    (void)!hotspot_data_number(&file, "sun.gc.collector.0.invocations", &value);
    (void)!hotspot_data_number(&file, "sun.os.hrt.frequency", &value);
    if (hotspot_data_text(&file, "sun.gc.collector.0.name", text, sizeof text) == 0)
        check(strlen(text) < sizeof text);
    hotspot_data_release(&file);
    return 0;
}
