/* What a .NET runtime tells of its methods, in pieces of a size that the first byte says: whatever it holds,
 * all names lie in the text and end there, the order holds, and the pieces make no difference. */
#include "base/limits.h"

#include "runtime/dotnet_methods.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good)
{
    if (!good)
        __builtin_trap();
}

static int read_in(struct dotnet_methods *methods, const uint8_t *bytes, size_t size, size_t piece)
{
    _cleanup_dotnet_events_ struct dotnet_events events = DOTNET_EVENTS_INIT;
    int r = 0;

    *methods = DOTNET_METHODS_INIT;
    events.take = dotnet_methods_take;
    events.to = methods;
    for (size_t at = 0; at < size && r == 0; at += piece)
        r = dotnet_events_feed(&events, bytes + at, piece < size - at ? piece : size - at);
    dotnet_methods_finish(methods);
    return r;
}

static void check_methods(const struct dotnet_methods *methods)
{
    for (size_t i = 0; i < methods->count; i++) {
        const struct dotnet_method *method = &methods->items[i], *found;

        check(i == 0 || methods->items[i - 1].start <= method->start);
        check(method->size > 0 && method->name < methods->text.size);
        check(memchr(methods->text.data + method->name, '\0', methods->text.size - method->name) != NULL);
        found = dotnet_methods_find(methods, method->start);
        check(!found || found->start == method->start);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_dotnet_methods_ struct dotnet_methods whole = {0}, pieces = {0};
    int r;

    if (size < 1)
        return 0;
    r = read_in(&whole, data + 1, size - 1, size);
    check(read_in(&pieces, data + 1, size - 1, data[0] % 64 + 1) == r || r < 0);
    check(r < 0 || (whole.count == pieces.count && whole.text.size == pieces.text.size));
    check_methods(&whole);
    check_methods(&pieces);
    return 0;
}
