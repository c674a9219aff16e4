/* What a client says that it wants traced, as a body and as profiles: all that is asked of a runtime is
 * within its bounds, each provider once. */
#include "ops/trace_wish.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good)
{
    if (!good)
        __builtin_trap();
}

static void check_wish(const char *body, const char *profiles)
{
    _cleanup_trace_wish_ struct trace_wish wish = {0};
    size_t count = 0;

    if (trace_wish_read(body, profiles, 1000, &wish, NULL) < 0)
        return;
    check(wish.count > 0 && wish.count <= TRACE_PROVIDERS_MAX);
    check(wish.providers[0].buffer_mib >= 1 && wish.providers[0].buffer_mib <= 1024);
    for (const struct dotnet_provider *one = wish.providers; one; one = one->also) {
        check(*one->name && one->level <= 5);
        for (size_t i = 0; i < count; i++)
            check(strcmp(wish.providers[i].name, one->name) != 0);
        count++;
    }
    check(count == wish.count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = strndup((const char *)data, size);

    check(text != NULL);
    check_wish(text, NULL);
    check_wish(NULL, text);
    free(text);
    return 0;
}
