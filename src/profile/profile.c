#include "profile/profile.h"

#include "base/array.h"
#include "base/limits.h"
#include "profile/tables.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

_Static_assert(LIMIT_PROFILE_MODULES <= UINT16_MAX, "a frame has 16 bits for its module");
_Static_assert(LIMIT_PROFILE_NAME + 64 <= PROFILE_LABEL_SIZE, "a name and an offset are a label");

static int intern(struct profile *profile, const char *text, uint32_t *ret_number)
{
    static const char missing[] = "[name not kept]"; /* is there from the start */
    int r = strings_intern(&profile->strings, text, ret_number);

    if (r == -ENOBUFS)
        r = strings_intern(&profile->strings, missing, ret_number);
    return r;
}

/* What profile.h says is there from the start. */
static int add_own(struct profile *profile)
{
    static const char *const names[FRAMES_OWN] = {
        [FRAME_STACK_NOT_KEPT] = "[stacks not kept]",
        [FRAME_NOT_KEPT] = "[functions not kept]",
        [FRAME_NO_STACK] = "[no stack]",
        [FRAME_OUTER_LEFT_OUT] = "[outer functions left out]",
    };
    struct profile_frame frame = {0};
    uint32_t number;
    int r = strings_init(&profile->strings);

    if (r == 0)
        r = strings_intern(&profile->strings, "[name not kept]", &number);
    for (size_t i = 0; r == 0 && i < FRAMES_OWN; i++) {
        r = strings_intern(&profile->strings, names[i], &frame.function);
        if (r == 0)
            r = profile_find_or_add_frame(profile, &frame, &number);
    }
    if (r == 0)
        r = ARRAY_RESERVE(&profile->nodes, 1, LIMIT_PROFILE_NODES);
    if (r == 0) /* not in the index: no stack is without a frame */
        profile->nodes.items[profile->nodes.count++] = (struct profile_node){NODE_ROOT, UINT32_MAX};
    if (r == 0)
        r = profile_find_or_add_node(profile, NODE_ROOT, FRAME_STACK_NOT_KEPT, &number);
    if (r == 0)
        r = ARRAY_RESERVE(&profile->modules, 1, LIMIT_PROFILE_MODULES);
    if (r == 0)
        profile->modules.items[profile->modules.count++] = (struct profile_module){0};
    if (r == 0)
        r = ARRAY_RESERVE(&profile->threads, 1, LIMIT_PROFILE_THREADS);
    if (r == 0) {
        r = strings_intern(&profile->strings, "[threads not kept]", &number);
        profile->threads.items[profile->threads.count++] = (struct profile_thread){.name = number};
    }
    return r;
}

/* A copy of what came in, by way of the strings, which clean it. */
static int keep_text(struct profile *profile, const char **text, char **copy)
{
    uint32_t number;
    int r = strings_intern(&profile->strings, *text, &number);

    if (r < 0)
        return r;
    *copy = strdup(profile_string(profile, number));
    *text = *copy;
    return *copy ? 0 : -ENOMEM;
}

int profile_init(struct profile *profile, const struct profile_facts *facts)
{
    const char **texts[] = {&profile->facts.name, &profile->facts.command_line, &profile->facts.executable,
                            &profile->facts.host, &profile->facts.machine,      &profile->facts.how};
    int r;

    if (facts->period == 0)
        return -EINVAL;
    *profile = (struct profile){.facts = *facts};
    r = add_own(profile);
    for (size_t i = 0; r == 0 && i < ELEMENTS_OF(texts); i++)
        r = keep_text(profile, texts[i], &profile->texts[i]);
    if (r < 0)
        profile_release(profile);
    return r;
}

void profile_release(struct profile *profile)
{
    strings_release(&profile->strings);
    free(profile->modules.items);
    free(profile->frames.items);
    free(profile->nodes.items);
    free(profile->threads.items);
    free(profile->counts.items);
    free(profile->log.items);
    index_release(&profile->frame_index);
    index_release(&profile->node_index);
    index_release(&profile->thread_index);
    index_release(&profile->count_index);
    for (size_t i = 0; i < ELEMENTS_OF(profile->texts); i++)
        free(profile->texts[i]);
    *profile = (struct profile){0};
}

int profile_add_thread(struct profile *profile, pid_t tid, const char *name, uint32_t *ret_thread)
{
    uint32_t text = STRING_NONE;
    int r = name ? intern(profile, name, &text) : 0;

    if (r < 0)
        return r;
    r = profile_find_or_add_thread(profile, (uint32_t)tid, ret_thread);
    if (r == -ENOBUFS) {
        *ret_thread = THREAD_NOT_KEPT;
        return 0;
    }
    if (r == 0 && name)
        profile->threads.items[*ret_thread].name = text;
    return r;
}

static bool find_module(const struct profile *profile, const struct profile_module *wanted,
                        uint32_t *ret_module)
{
    for (size_t i = 0; i < profile->modules.count; i++) {
        const struct profile_module *module = &profile->modules.items[i];

        if (i != MODULE_NONE && module->start == wanted->start && module->end == wanted->end &&
            module->linked == wanted->linked && module->path == wanted->path &&
            module->build_id == wanted->build_id) {
            *ret_module = (uint32_t)i;
            return true;
        }
    }
    return false;
}

int profile_add_module(struct profile *profile, const struct profile_module_facts *facts,
                       uint32_t *ret_module)
{
    struct profile_module module = {.start = facts->start, .end = facts->end, .linked = facts->linked};
    int r = intern(profile, facts->path, &module.path);

    if (r == 0)
        r = intern(profile, facts->build_id, &module.build_id);
    if (module.end <= module.start)
        module.start = module.end = 0;
    if (r == 0 && find_module(profile, &module, ret_module))
        return 0;
    if (r == 0)
        r = ARRAY_RESERVE(&profile->modules, 1, LIMIT_PROFILE_MODULES);
    if (r == -ENOBUFS) {
        *ret_module = MODULE_NONE;
        return 0;
    }
    if (r < 0)
        return r;
    *ret_module = (uint32_t)profile->modules.count;
    profile->modules.items[profile->modules.count++] = module;
    return 0;
}

int profile_intern_frame(struct profile *profile, const struct profile_frame_facts *facts,
                         uint32_t *ret_frame)
{
    struct profile_frame frame = {
        .address = facts->address, .line = facts->line, .kernel = facts->kernel, .inlined = facts->inlined};
    int r = intern(profile, facts->function, &frame.function);

    if (r == 0)
        r = intern(profile, facts->file, &frame.file);
    if (r < 0)
        return r;
    if (facts->module < profile->modules.count)
        frame.module = (uint16_t)facts->module;
    r = profile_find_or_add_frame(profile, &frame, ret_frame);
    if (r == -ENOBUFS) {
        *ret_frame = FRAME_NOT_KEPT;
        r = 0;
    }
    return r;
}

int profile_name_frame(struct profile *profile, uint32_t frame, const char *function)
{
    return intern(profile, function, &profile->frames.items[frame].function);
}

/* The node of the stack, as far as there is room: all of it or none. */
static int find_stack(struct profile *profile, const uint32_t *frames, size_t count, uint32_t *ret_node)
{
    static const uint32_t none = FRAME_NO_STACK;
    uint32_t node = NODE_ROOT;
    int r = 0;

    if (count == 0) {
        frames = &none;
        count = 1;
    }
    if (count > LIMIT_PROFILE_DEPTH) {
        count = LIMIT_PROFILE_DEPTH;
        r = profile_find_or_add_node(profile, node, FRAME_OUTER_LEFT_OUT, &node);
    }
    for (size_t i = count; r == 0 && i-- > 0;)
        r = profile_find_or_add_node(profile, node,
                                     frames[i] < profile->frames.count ? frames[i] : FRAME_NOT_KEPT, &node);
    if (r == -ENOBUFS) {
        node = NODE_NOT_KEPT;
        r = 0;
    }
    if (r == 0)
        *ret_node = node;
    return r;
}

int profile_add_sample(struct profile *profile, uint64_t time, uint32_t thread, const uint32_t *frames,
                       size_t count)
{
    struct profile_count *counter;
    uint32_t node = NODE_NOT_KEPT;
    int r = find_stack(profile, frames, count, &node), logged;

    if (thread >= profile->threads.count)
        thread = THREAD_NOT_KEPT;
    if (r == 0)
        r = profile_find_or_add_count(profile, node, thread, &counter);
    if (r == -ENOBUFS) {
        node = NODE_NOT_KEPT;
        r = profile_find_or_add_count(profile, node, thread, &counter);
    }
    if (r < 0)
        return r;
    logged = ARRAY_RESERVE(&profile->log, 1, LIMIT_PROFILE_LOG);
    if (logged == -ENOMEM)
        return logged;
    if (logged == 0) {
        profile->log.items[profile->log.count++] = (struct profile_sample){time, thread, node};
        counter->logged++;
    }
    counter->count++;
    profile->threads.items[thread].samples++;
    profile->samples++;
    if (time > profile->duration)
        profile->duration = time;
    return 0;
}

size_t profile_stack(const struct profile *profile, uint32_t node, uint32_t *frames)
{
    size_t count = 0;

    for (; node != NODE_ROOT && count <= LIMIT_PROFILE_DEPTH; node = profile->nodes.items[node].parent)
        frames[count++] = profile->nodes.items[node].frame;
    return count;
}

void profile_frame_label(const struct profile *profile, uint32_t number, char *ret_label, size_t size)
{
    const struct profile_frame *frame = &profile->frames.items[number];
    const struct profile_module *module = &profile->modules.items[frame->module];
    const char *path = profile_string(profile, module->path), *slash = strrchr(path, '/');

    if (frame->function != STRING_NONE)
        (void)snprintf(ret_label, size, "%s", profile_string(profile, frame->function));
    else if (frame->address && frame->module != MODULE_NONE && frame->address >= module->start)
        (void)snprintf(ret_label, size, "%s+0x%" PRIx64, slash ? slash + 1 : path,
                       frame->address - module->start);
    else if (frame->address)
        (void)snprintf(ret_label, size, "0x%" PRIx64, frame->address);
    else
        (void)snprintf(ret_label, size, "[unknown]");
}
