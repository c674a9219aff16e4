/* Records of perf events, one behind the other as in a ring. The first byte says how they are laid out. */
#include "perf/record.h"

#include <errno.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t sum;

static void look_at(const void *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        sum += ((const uint8_t *)bytes)[i];
}

static void look_at_words(const uint64_t *words, size_t count, uint64_t most)
{
    for (size_t i = 0; i < count; i++) {
        sum += words[i];
        if (words[i] >= most)
            __builtin_trap();
    }
}

/* All that is pointed to can be read. */
static void follow(const struct perf_layout *layout, const struct perf_record *record)
{
    const struct perf_sample *sample = &record->sample;

    if (record->kind == PERF_KIND_SAMPLE) {
        if ((sample->kernel != NULL) != (sample->kernel_count > 0) ||
            (sample->user != NULL) != (sample->user_count > 0) || sample->stack_size > PERF_RECORD_SIZE_MAX)
            __builtin_trap();
        look_at_words(sample->kernel, sample->kernel_count, (uint64_t)-4095);
        look_at_words(sample->user, sample->user_count, (uint64_t)-4095);
        if (sample->registers)
            look_at(sample->registers, layout->registers * sizeof(uint64_t));
        look_at(sample->stack, sample->stack_size);
    } else if (record->kind == PERF_KIND_MAPPING) {
        look_at(record->mapping.path, strlen(record->mapping.path));
        if (record->mapping.build_id_size > sizeof record->mapping.build_id)
            __builtin_trap();
    } else if (record->kind == PERF_KIND_NAME) {
        look_at(record->name.text, strlen(record->name.text));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct perf_layout layout;
    size_t at = 0;
    char *bytes;

    if (size < 1)
        return 0;
    layout = (struct perf_layout){
        .has_id = data[0] & 1, .has_stack = data[0] & 2, .registers = (unsigned)data[0] >> 2};
    size--;
    bytes = malloc(size > 0 ? size : 1); /* aligned, as a ring is */
    if (!bytes)
        return 0;
    memcpy(bytes, data + 1, size);
    while (at < size) {
        struct perf_record record;
        int r = perf_record_parse(&layout, bytes + at, size - at, &record);

        if (r == -EBADMSG)
            break;
        if (r <= 0 || (size_t)r > size - at || r % 8 != 0)
            __builtin_trap();
        follow(&layout, &record);
        at += (size_t)r;
    }
    free(bytes);
    return 0;
}
