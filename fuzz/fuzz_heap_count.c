/* Counts of a heap that were saved, two with a NUL between them: whatever they hold, they are refused with a
 * sentence, or each type of both is in what changed, once, and the changes add up to that of the totals. */
#include "cmd/heap_compare.h"
#include "cmd/session.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good)
{
    if (!good)
        __builtin_trap();
}

static void check_changes(const struct heap_comparison *comparison)
{
    int64_t before = 0, now = 0;

    for (size_t i = 0; i < comparison->count; i++) {
        const struct heap_change *change = &comparison->items[i];

        before += change->before.bytes;
        now += change->now.bytes;
        check(!i || heap_change_bytes(change) <= heap_change_bytes(change - 1));
    }
    check(before == comparison->before.bytes && now == comparison->now.bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data, *middle = size ? memchr(text, '\0', size) : NULL;
    size_t first = middle ? (size_t)(middle - text) : size, rest = middle ? size - first - 1 : 0;
    _cleanup_json_ json_t *before = json_loadb(text, first, 0, NULL);
    _cleanup_json_ json_t *now = middle ? json_loadb(middle + 1, rest, 0, NULL) : NULL;
    _cleanup_heap_comparison_ struct heap_comparison comparison = {0};
    struct error error = {0};
    int r = heap_comparison_before(&comparison, before, "a", &error);

    if (r == 0)
        r = heap_comparison_now(&comparison, now, "b", &error);
    check(r == 0 || error.text[0]);
    if (r < 0)
        return 0;
    heap_comparison_finish(&comparison);
    check_changes(&comparison);
    (void)heap_comparison_caution(&comparison, &error); /* a text only */
    heap_comparison_cut(&comparison, 2);
    check(comparison.count <= 2);
    return 0;
}
