/* Operation messages as the inspector gets them. What decodes must encode again to something that decodes to
 * the same. */
#include "ops/request.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_request_ struct request request = {0}, again = {0};
    _cleanup_buffer_ struct buffer message = {0};
    struct error error;
    uint64_t number;
    bool flag;

    if (request_decode(data, size, &request, &error) < 0)
        return 0;
    for (size_t i = 0; i < request.arguments.count; i++) {
        const char *name = request.arguments.items[i].name;
        (void)!request_u64(&request, name, 0, UINT64_MAX, &number, &error); /* only that nothing breaks */
        (void)!request_bool(&request, name, false, &flag, &error);
        (void)!request_duration_ms(&request, name, 0, UINT64_MAX, &number, &error);
    }
    if (request_encode(&request, &message) < 0)
        return 0; /* defaults that were written out may make it too long */
    if (request_decode(message.data, message.size, &again, &error) < 0 || again.id != request.id ||
        again.child != request.child || strcmp(again.operation, request.operation) != 0 ||
        again.arguments.count != request.arguments.count)
        abort();
    return 0;
}
