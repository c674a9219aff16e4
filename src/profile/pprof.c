/* github.com/google/pprof: gzip of a message perftools.profiles.Profile (proto/profile.proto), in one pass.
 * Its table of strings is the profile's own, with a few behind it. */
#include "profile/drain.h"
#include "profile/formats.h"
#include "profile/locations.h"
#include "profile/protobuf.h"
#include "profile/symbols.h"
#include "stream/compress.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

enum profile_field { /* of Profile */
                     SAMPLE_TYPE = 1,
                     SAMPLE,
                     MAPPING,
                     LOCATION,
                     FUNCTION,
                     STRING_TABLE,
                     TIME_NANOS = 9,
                     DURATION_NANOS,
                     PERIOD_TYPE,
                     PERIOD,
                     COMMENT,
                     DEFAULT_SAMPLE_TYPE,
};
enum { VALUE_TYPE = 1, VALUE_UNIT };
enum { SAMPLE_LOCATIONS = 1, SAMPLE_VALUES, SAMPLE_LABEL };
enum { LABEL_KEY = 1, LABEL_STRING, LABEL_NUMBER };
enum {
    MAPPING_ID = 1,
    MAPPING_START,
    MAPPING_LIMIT,
    MAPPING_OFFSET,
    MAPPING_FILE,
    MAPPING_BUILD_ID,
    MAPPING_HAS_FUNCTIONS,
    MAPPING_HAS_FILES,
    MAPPING_HAS_LINES,
    MAPPING_HAS_INLINED
};
enum { LOCATION_ID = 1, LOCATION_MAPPING, LOCATION_ADDRESS, LOCATION_LINE };
enum { LINE_FUNCTION = 1, LINE_NUMBER };
enum { FUNCTION_ID = 1, FUNCTION_NAME, FUNCTION_SYSTEM_NAME, FUNCTION_FILE };

/* Strings that the profile hasn't, numbered from its last on. */
enum { TEXT_SAMPLES, TEXT_COUNT, TEXT_WHAT, TEXT_NANOSECONDS, TEXT_THREAD, TEXT_TID, TEXT_COMMENTS };

struct pprof {
    const struct profile *profile;
    struct symbols symbols;
    struct locations locations;
    struct sink *sink;
    struct protobuf message, inner, part, packed;
    uint32_t label; /* the string that the next function without a name gets */
};

static void pprof_release(struct pprof *pprof)
{
    symbols_release(&pprof->symbols);
    locations_release(&pprof->locations);
    protobuf_release(&pprof->message);
    protobuf_release(&pprof->inner);
    protobuf_release(&pprof->part);
    protobuf_release(&pprof->packed);
}

/* The message so far, and the next begins. */
static int flush(struct pprof *pprof, size_t least)
{
    if (pprof->message.error < 0)
        return pprof->message.error;
    return buffer_drain(&pprof->message.bytes, pprof->sink, least);
}

/* inner becomes a field of the profile. */
static int put_field(struct pprof *pprof, enum profile_field field)
{
    protobuf_message(&pprof->message, field, &pprof->inner);
    protobuf_clear(&pprof->inner);
    return flush(pprof, DRAIN_SIZE);
}

static uint32_t text(const struct pprof *pprof, unsigned number)
{
    return (uint32_t)pprof->profile->strings.count + number;
}

static int put_value_type(struct pprof *pprof, enum profile_field field, unsigned type, unsigned unit)
{
    protobuf_u64(&pprof->inner, VALUE_TYPE, text(pprof, type));
    protobuf_u64(&pprof->inner, VALUE_UNIT, text(pprof, unit));
    return put_field(pprof, field);
}

static int put_head(struct pprof *pprof)
{
    const struct profile *profile = pprof->profile;
    int r = put_value_type(pprof, SAMPLE_TYPE, TEXT_SAMPLES, TEXT_COUNT);

    if (r == 0)
        r = put_value_type(pprof, SAMPLE_TYPE, TEXT_WHAT, TEXT_NANOSECONDS);
    if (r == 0)
        r = put_value_type(pprof, PERIOD_TYPE, TEXT_WHAT, TEXT_NANOSECONDS);
    protobuf_u64(&pprof->message, TIME_NANOS, (uint64_t)profile->facts.began);
    protobuf_u64(&pprof->message, DURATION_NANOS, profile->duration);
    protobuf_u64(&pprof->message, PERIOD, profile->facts.period);
    protobuf_u64(&pprof->message, DEFAULT_SAMPLE_TYPE, text(pprof, TEXT_WHAT));
    return r;
}

static void put_label(struct pprof *pprof, unsigned key, uint32_t string, uint64_t number)
{
    protobuf_u64(&pprof->part, LABEL_KEY, text(pprof, key));
    protobuf_u64(&pprof->part, LABEL_STRING, string);
    protobuf_u64(&pprof->part, LABEL_NUMBER, number);
    protobuf_message(&pprof->inner, SAMPLE_LABEL, &pprof->part);
    protobuf_clear(&pprof->part);
}

static int put_sample(struct pprof *pprof, const struct profile_count *count)
{
    const struct profile *profile = pprof->profile;
    const struct profile_thread *thread = &profile->threads.items[count->thread];
    uint32_t stack[LIMIT_PROFILE_DEPTH + 1];
    size_t depth = locations_stack(profile, &pprof->locations, count->node, stack);

    for (size_t i = 0; i < depth; i++)
        protobuf_varint(&pprof->packed, stack[i] + 1u);
    protobuf_message(&pprof->inner, SAMPLE_LOCATIONS, &pprof->packed);
    protobuf_clear(&pprof->packed);
    protobuf_varint(&pprof->packed, count->count);
    protobuf_varint(&pprof->packed, count->count * profile->facts.period);
    protobuf_message(&pprof->inner, SAMPLE_VALUES, &pprof->packed);
    protobuf_clear(&pprof->packed);
    if (thread->name != STRING_NONE)
        put_label(pprof, TEXT_THREAD, thread->name, 0);
    if (thread->tid)
        put_label(pprof, TEXT_TID, STRING_NONE, thread->tid);
    return put_field(pprof, SAMPLE);
}

struct mapping_facts {
    bool functions, files, lines, inlined;
};

static void mapping_facts_of(const struct profile *profile, struct mapping_facts *facts)
{
    for (size_t i = FRAMES_OWN; i < profile->frames.count; i++) {
        const struct profile_frame *frame = &profile->frames.items[i];
        facts[frame->module].functions |= frame->function != STRING_NONE;
        facts[frame->module].files |= frame->file != STRING_NONE;
        facts[frame->module].lines |= frame->line != 0;
        facts[frame->module].inlined |= frame->inlined;
    }
}

static int put_mapping(struct pprof *pprof, uint32_t number, const struct mapping_facts *facts)
{
    const struct profile_module *module = &pprof->profile->modules.items[number];

    protobuf_u64(&pprof->inner, MAPPING_ID, number);
    protobuf_u64(&pprof->inner, MAPPING_START, module->start);
    protobuf_u64(&pprof->inner, MAPPING_LIMIT, module->end);
    protobuf_u64(&pprof->inner, MAPPING_FILE, module->path);
    protobuf_u64(&pprof->inner, MAPPING_BUILD_ID, module->build_id);
    protobuf_u64(&pprof->inner, MAPPING_HAS_FUNCTIONS, facts->functions);
    protobuf_u64(&pprof->inner, MAPPING_HAS_FILES, facts->files);
    protobuf_u64(&pprof->inner, MAPPING_HAS_LINES, facts->lines);
    protobuf_u64(&pprof->inner, MAPPING_HAS_INLINED, facts->inlined);
    return put_field(pprof, MAPPING);
}

/* Readers take the first for the program. */
static int put_mappings(struct pprof *pprof)
{
    const struct profile *profile = pprof->profile;
    _cleanup_free_ struct mapping_facts *facts = calloc(profile->modules.count, sizeof *facts);
    uint32_t main_module = 0;
    int r = 0;

    if (!facts)
        return -ENOMEM;
    mapping_facts_of(profile, facts);
    for (uint32_t i = 1; *profile->facts.executable && !main_module && i < profile->modules.count; i++)
        if (strcmp(profile_string(profile, profile->modules.items[i].path), profile->facts.executable) == 0)
            main_module = i;
    if (main_module)
        r = put_mapping(pprof, main_module, &facts[main_module]);
    for (uint32_t i = 1; r == 0 && i < profile->modules.count; i++)
        if (i != main_module)
            r = put_mapping(pprof, i, &facts[i]);
    return r;
}

/* The innermost function first; one that has neither a name nor others at its address is left to the reader.
 */
static int put_location(struct pprof *pprof, uint32_t number)
{
    const struct location *location = &pprof->locations.items[number];
    const struct profile_frame *frame = &pprof->profile->frames.items[location->frame];

    protobuf_u64(&pprof->inner, LOCATION_ID, number + 1u);
    protobuf_u64(&pprof->inner, LOCATION_MAPPING, frame->module);
    protobuf_u64(&pprof->inner, LOCATION_ADDRESS, frame->address);
    for (;; location = &pprof->locations.items[location->outer - 1]) {
        frame = &pprof->profile->frames.items[location->frame];
        protobuf_u64(&pprof->part, LINE_FUNCTION, pprof->symbols.of_frame[location->frame] + 1u);
        protobuf_u64(&pprof->part, LINE_NUMBER, frame->line);
        protobuf_message(&pprof->inner, LOCATION_LINE, &pprof->part);
        protobuf_clear(&pprof->part);
        if (!location->outer)
            break;
    }
    return put_field(pprof, LOCATION);
}

static int put_function(struct pprof *pprof, uint32_t number)
{
    const struct symbol *symbol = &pprof->symbols.items[number];
    uint32_t name = symbol->function != STRING_NONE ? symbol->function : pprof->label++;

    protobuf_u64(&pprof->inner, FUNCTION_ID, number + 1u);
    protobuf_u64(&pprof->inner, FUNCTION_NAME, name);
    protobuf_u64(&pprof->inner, FUNCTION_SYSTEM_NAME, name);
    protobuf_u64(&pprof->inner, FUNCTION_FILE, symbol->file);
    return put_field(pprof, FUNCTION);
}

static int put_string(struct pprof *pprof, const char *string)
{
    protobuf_string(&pprof->message, STRING_TABLE, string);
    return flush(pprof, DRAIN_SIZE);
}

enum { COMMENTS = 4 };

static int comment(const struct profile *profile, unsigned number, char *ret_text, size_t size)
{
    const struct profile_facts *facts = &profile->facts;

    if (number == 0)
        return snprintf(ret_text, size, "%s: %s", facts->name, facts->command_line);
    if (number == 1)
        return snprintf(ret_text, size, "%s", facts->how);
    if (number == 2)
        return snprintf(ret_text, size, "%s: %s, %u processors", facts->host, facts->machine,
                        facts->processors);
    return snprintf(ret_text, size, "%" PRIu64 " samples, %" PRIu64 " more were lost", profile->samples,
                    profile->lost);
}

/* In the order of their numbers: the profile's, TEXT_*, comments, what functions without a name are called.
 */
static int put_strings(struct pprof *pprof)
{
    const struct profile *profile = pprof->profile;
    const char *const texts[TEXT_COMMENTS] = {
        [TEXT_SAMPLES] = "samples",
        [TEXT_COUNT] = "count",
        [TEXT_WHAT] = profile->facts.what == PROFILE_WALL ? "wall" : "cpu",
        [TEXT_NANOSECONDS] = "nanoseconds",
        [TEXT_THREAD] = "thread",
        [TEXT_TID] = "tid",
    };
    char line[2 * LIMIT_PROFILE_NAME + 64];
    int r = 0;

    for (uint32_t i = 0; r == 0 && i < profile->strings.count; i++)
        r = put_string(pprof, profile_string(profile, i));
    for (size_t i = 0; r == 0 && i < ELEMENTS_OF(texts); i++)
        r = put_string(pprof, texts[i]);
    for (unsigned i = 0; r == 0 && i < COMMENTS; i++) {
        (void)comment(profile, i, line, sizeof line); /* fits: of names two at most */
        r = put_string(pprof, line);
    }
    for (size_t i = 0; r == 0 && i < pprof->symbols.count; i++) {
        if (pprof->symbols.items[i].function != STRING_NONE)
            continue;
        profile_frame_label(profile, pprof->symbols.items[i].frame, line, sizeof line);
        r = put_string(pprof, line);
    }
    for (unsigned i = 0; i < COMMENTS; i++)
        protobuf_u64(&pprof->message, COMMENT, text(pprof, TEXT_COMMENTS + i));
    return r;
}

static int put_all(struct pprof *pprof)
{
    const struct profile *profile = pprof->profile;
    int r = put_head(pprof);

    for (size_t i = 0; r == 0 && i < profile->counts.count; i++)
        r = put_sample(pprof, &profile->counts.items[i]);
    if (r == 0)
        r = put_mappings(pprof);
    for (uint32_t i = 0; r == 0 && i < pprof->locations.count; i++)
        if (pprof->locations.is_used[i])
            r = put_location(pprof, i);
    pprof->label = text(pprof, TEXT_COMMENTS + COMMENTS);
    for (uint32_t i = 0; r == 0 && i < pprof->symbols.count; i++)
        r = put_function(pprof, i);
    if (r == 0)
        r = put_strings(pprof);
    return r == 0 ? flush(pprof, 0) : r;
}

int profile_write_pprof(const struct profile *profile, struct sink *sink)
{
    _cleanup_(pprof_release) struct pprof pprof = {.profile = profile};
    _cleanup_sink_ struct sink *gzip = NULL;
    int r = symbols_of(profile, &pprof.symbols);

    if (r == 0)
        r = locations_of(profile, &pprof.locations);
    if (r == 0)
        r = sink_gzip_new(sink, gzip_levels.otherwise, 0, &gzip);
    if (r < 0)
        return r;
    pprof.sink = gzip;
    r = put_all(&pprof);
    return r == 0 ? sink_finish(gzip, NULL) : r;
}
