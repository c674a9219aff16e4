#include "profile/spots.h"

#include "base/array.h"
#include "base/limits.h"

#include <errno.h>

/* Between the halves of the address space: no processor of 64 bits has memory there. */
#define MADE_UP_START (1ull << 56)
enum { MADE_UP_SIZE = 16 };

enum { RANGES_MAX = 2 * LIMIT_PROFILE_FRAMES + 2 * LIMIT_PROFILE_MODULES };

static int add_range(struct spot_ranges *ranges, const struct spot_range *range)
{
    int r = ARRAY_RESERVE(ranges, 1, RANGES_MAX);

    if (r == 0)
        ranges->items[ranges->count++] = *range;
    return r;
}

static int compare_modules(const void *left, const void *right, void *context)
{
    const struct profile_module *modules = context;
    const struct profile_module *one = &modules[*(const uint32_t *)left];
    const struct profile_module *other = &modules[*(const uint32_t *)right];

    if (one->start != other->start)
        return one->start < other->start ? -1 : 1;
    return one < other ? -1 : one > other;
}

/* Of modules that were mapped at one address in turn only the first is there; is_mapped is by module. */
static int add_mappings(const struct profile *profile, struct spots *spots, bool *is_mapped)
{
    _cleanup_free_ uint32_t *order = calloc(profile->modules.count, sizeof *order);
    uint64_t end = 0;
    int r = 0;

    if (!order)
        return -ENOMEM;
    for (uint32_t i = 0; i < profile->modules.count; i++)
        order[i] = i;
    qsort_r(order, profile->modules.count, sizeof *order, compare_modules, profile->modules.items);
    for (size_t i = 0; r == 0 && i < profile->modules.count; i++) {
        const struct profile_module *module = &profile->modules.items[order[i]];

        if (module->start == 0 || module->start < end || module->end > MADE_UP_START)
            continue;
        is_mapped[order[i]] = true;
        end = module->end;
        r = add_range(&spots->mappings, &(struct spot_range){module->start, end - 1, order[i], 0});
    }
    return r;
}

static int compare_frames(const void *left, const void *right, void *context)
{
    const struct profile_frame *frames = context;
    const struct profile_frame *one = &frames[*(const uint32_t *)left];
    const struct profile_frame *other = &frames[*(const uint32_t *)right];

    if (one->address != other->address)
        return one->address < other->address ? -1 : 1;
    return one < other ? -1 : one > other;
}

static bool is_in_place(const struct profile *profile, const bool *is_mapped, uint32_t number)
{
    const struct profile_frame *frame = &profile->frames.items[number];
    const struct profile_module *module = &profile->modules.items[frame->module];

    return is_mapped[frame->module] && !frame->inlined && frame->address >= module->start &&
           frame->address < module->end;
}

/* Frames that keep their addresses. Neighbours of one symbol are one range. */
static int keep_addresses(const struct profile *profile, struct spots *spots, const bool *is_mapped)
{
    _cleanup_free_ uint32_t *order = calloc(profile->frames.count, sizeof *order);
    size_t count = 0;
    int r = 0;

    if (!order)
        return -ENOMEM;
    for (uint32_t i = 0; i < profile->frames.count; i++)
        if (is_in_place(profile, is_mapped, i))
            order[count++] = i;
    qsort_r(order, count, sizeof *order, compare_frames, profile->frames.items);
    for (size_t i = 0; r == 0 && i < count; i++) {
        const struct profile_frame *frame = &profile->frames.items[order[i]];
        uint32_t symbol = spots->symbols.of_frame[order[i]];
        struct spot_range *last = spots->named.count ? &spots->named.items[spots->named.count - 1] : NULL;

        if (last && last->symbol != symbol && last->end == frame->address)
            continue; /* another one is there: this gets an address that is made up */
        spots->of_frame[order[i]] = frame->address;
        if (last && last->symbol == symbol)
            last->end = frame->address;
        else
            r = add_range(&spots->named,
                          &(struct spot_range){frame->address, frame->address, frame->module, symbol});
    }
    return r;
}

/* One address for each symbol that needs one, those of a module behind each other. */
static int make_up_addresses(const struct profile *profile, struct spots *spots)
{
    _cleanup_free_ uint64_t *of_symbol = calloc(spots->symbols.count, sizeof *of_symbol);
    _cleanup_free_ uint64_t *next = calloc(profile->modules.count, sizeof *next);
    uint64_t at = MADE_UP_START;
    int r = 0;

    if (!of_symbol || !next)
        return -ENOMEM;
    for (uint32_t i = 0; i < profile->frames.count; i++) {
        uint32_t symbol = spots->symbols.of_frame[i];
        if (!spots->of_frame[i] && !of_symbol[symbol]) {
            of_symbol[symbol] = 1; /* to be filled in */
            next[spots->symbols.items[symbol].module] += MADE_UP_SIZE;
        }
    }
    for (uint32_t i = 0; r == 0 && i < profile->modules.count; i++) {
        uint64_t size = next[i];
        next[i] = at;
        if (size)
            r = add_range(&spots->mappings, &(struct spot_range){at, at + size - 1, i, 0});
        at += size;
    }
    for (uint32_t i = 0; r == 0 && i < spots->symbols.count; i++) {
        uint32_t module = spots->symbols.items[i].module;
        if (!of_symbol[i])
            continue;
        of_symbol[i] = next[module];
        next[module] += MADE_UP_SIZE;
        r = add_range(&spots->named,
                      &(struct spot_range){of_symbol[i], of_symbol[i] + MADE_UP_SIZE - 1, module, i});
    }
    for (uint32_t i = 0; i < profile->frames.count; i++)
        if (!spots->of_frame[i])
            spots->of_frame[i] = of_symbol[spots->symbols.of_frame[i]];
    return r;
}

int spots_of(const struct profile *profile, struct spots *ret_spots)
{
    _cleanup_spots_ struct spots spots = {0};
    _cleanup_free_ bool *is_mapped = calloc(profile->modules.count, sizeof *is_mapped);
    int r = is_mapped ? symbols_of(profile, &spots.symbols) : -ENOMEM;

    if (r < 0)
        return r;
    spots.of_frame = calloc(profile->frames.count, sizeof *spots.of_frame);
    if (!spots.of_frame)
        return -ENOMEM;
    r = add_mappings(profile, &spots, is_mapped);
    if (r == 0)
        r = keep_addresses(profile, &spots, is_mapped);
    if (r == 0)
        r = make_up_addresses(profile, &spots);
    if (r < 0)
        return r;
    *ret_spots = spots;
    spots = (struct spots){0};
    return 0;
}

void spots_release(struct spots *spots)
{
    symbols_release(&spots->symbols);
    free(spots->of_frame);
    free(spots->mappings.items);
    free(spots->named.items);
    *spots = (struct spots){0};
}
