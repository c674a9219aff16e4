#include "profile/symbols.h"

#include "base/array.h"
#include "base/limits.h"

#include <errno.h>

/* Functions of one name in two files are two: Python's have no module that would tell. Of those without a
 * name, each address is one. */
struct key {
    uint64_t address;
    uint32_t function, file, module;
};

struct owner {
    const struct profile *profile;
    struct symbols *symbols;
};

static struct key key_of(const struct profile *profile, uint32_t number)
{
    const struct profile_frame *frame = &profile->frames.items[number];

    return (struct key){.function = frame->function,
                        .file = frame->file,
                        .module = frame->module,
                        .address = frame->function == STRING_NONE ? frame->address : 0};
}

static uint64_t hash_key(const struct key *key)
{
    return hash_mix(hash_pair(key->address, key->module), (uint64_t)key->function << 32 | key->file);
}

static bool symbol_is(const void *context, uint32_t number, const void *key)
{
    const struct owner *owner = context;
    const struct key *other = key, one = key_of(owner->profile, owner->symbols->items[number].frame);

    return one.address == other->address && one.function == other->function && one.file == other->file &&
           one.module == other->module;
}

static uint64_t symbol_hash(const void *context, uint32_t number)
{
    const struct owner *owner = context;
    const struct key key = key_of(owner->profile, owner->symbols->items[number].frame);

    return hash_key(&key);
}

static int add(const struct owner *owner, uint32_t frame)
{
    static const struct index_kind kind = {.is = symbol_is, .hash = symbol_hash};
    struct symbols *symbols = owner->symbols;
    const struct key key = key_of(owner->profile, frame);
    uint64_t hash = hash_key(&key);
    int r;

    if (index_find(&symbols->index, &kind, owner, hash, &key, &symbols->of_frame[frame]))
        return 0;
    r = ARRAY_RESERVE(symbols, 1, LIMIT_PROFILE_FRAMES);
    if (r < 0)
        return r;
    symbols->items[symbols->count] =
        (struct symbol){.function = key.function, .file = key.file, .module = key.module, .frame = frame};
    symbols->of_frame[frame] = (uint32_t)symbols->count;
    return index_add(&symbols->index, &kind, owner, hash, (uint32_t)symbols->count++);
}

int symbols_of(const struct profile *profile, struct symbols *ret_symbols)
{
    _cleanup_symbols_ struct symbols symbols = {0};
    struct owner owner = {profile, &symbols};
    int r = 0;

    symbols.of_frame = calloc(profile->frames.count, sizeof *symbols.of_frame);
    if (!symbols.of_frame)
        return -ENOMEM;
    for (uint32_t i = 0; r == 0 && i < profile->frames.count; i++)
        r = add(&owner, i);
    if (r < 0)
        return r;
    *ret_symbols = symbols;
    symbols = (struct symbols){0};
    return 0;
}

void symbols_release(struct symbols *symbols)
{
    free(symbols->items);
    free(symbols->of_frame);
    index_release(&symbols->index);
    *symbols = (struct symbols){0};
}
