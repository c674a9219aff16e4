/* What a .NET runtime publishes of itself, in pieces of a size that the first byte says: whatever it holds,
 * each counter has a number and texts that end, and the pieces make no difference. The whole, as text, as
 * what a client says that it wants of them. */
#include "base/limits.h"

#include "ops/metrics_wish.h"
#include "runtime/dotnet_counters.h"

#include <math.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good)
{
    if (!good)
        __builtin_trap();
}

struct sum {
    size_t counters, letters;
};

static int add(void *to, const struct dotnet_counter *counter)
{
    struct sum *sum = to;

    check(isfinite(counter->value) != 0);
    sum->counters++;
    sum->letters += strlen(counter->provider) + strlen(counter->name) + strlen(counter->display_name) +
                    strlen(counter->unit) + strlen(counter->metadata);
    return 0;
}

static int read_in(const uint8_t *bytes, size_t size, size_t piece, struct sum *sum)
{
    _cleanup_dotnet_events_ struct dotnet_events events = DOTNET_EVENTS_INIT;
    _cleanup_dotnet_counters_ struct dotnet_counters counters = DOTNET_COUNTERS_INIT;
    int r = 0;

    counters.take = add;
    counters.to = sum;
    events.take = dotnet_counters_take;
    events.learn = dotnet_counters_learn;
    events.to = &counters;
    for (size_t at = 0; at < size && r == 0; at += piece)
        r = dotnet_events_feed(&events, bytes + at, piece < size - at ? piece : size - at);
    return r;
}

static void check_wish(const uint8_t *data, size_t size)
{
    char *text = strndup((const char *)data, size);
    _cleanup_metrics_wish_ struct metrics_wish wish = {0};

    check(text != NULL);
    if (metrics_wish_read(text, &wish, NULL) == 0) {
        check(wish.count <= METRICS_PROVIDERS_MAX && (wish.count > 0 || wish.has_defaults));
        for (size_t i = 0; i < wish.count; i++)
            check(metrics_wish_names(&wish, wish.providers[i].provider));
        (void)metrics_wish_has(&wish, "System.Runtime", "cpu-usage");
        (void)metrics_wish_needs_runtime(&wish);
    }
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sum whole = {0}, pieces = {0};
    int r;

    if (size < 1)
        return 0;
    check_wish(data, size);
    r = read_in(data + 1, size - 1, size, &whole);
    check(read_in(data + 1, size - 1, data[0] % 64 + 1, &pieces) == r || r < 0);
    check(r < 0 || (whole.counters == pieces.counters && whole.letters == pieces.letters));
    return 0;
}
