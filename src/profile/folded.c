/* Folded stacks as Brendan Gregg's stackcollapse scripts make them: "process;outermost;...;innermost count" a
 * line. Kernel functions end in _[k], which flamegraph.pl colours. */
#include "profile/drain.h"
#include "profile/formats.h"
#include "profile/tree.h"

#include <inttypes.h>
#include <string.h>

struct folding {
    const struct profile *profile;
    const struct tree *tree;
    struct sink *sink;
    struct buffer line; /* that of the node which the walk is at */
    struct buffer out;
    size_t ends[LIMIT_PROFILE_DEPTH + 2]; /* of each function on the way, in the line */
};

/* What separates frames and lines can't be in a name. */
static int append_name(struct buffer *line, const char *name)
{
    size_t start = line->size;
    int r = buffer_append_string(line, name);

    for (size_t i = start; r == 0 && i < line->size; i++) {
        unsigned char c = (unsigned char)line->data[i];
        if (c == ';')
            line->data[i] = ':';
        else if (c < ' ' || c == 0x7f)
            line->data[i] = ' ';
    }
    return r;
}

static int append_symbol(struct folding *folding, uint32_t symbol)
{
    uint32_t frame = folding->tree->symbols.items[symbol].frame;
    char label[PROFILE_LABEL_SIZE];
    int r = buffer_append_string(&folding->line, ";");

    profile_frame_label(folding->profile, frame, label, sizeof label);
    if (r == 0)
        r = append_name(&folding->line, label);
    if (r == 0 && folding->profile->frames.items[frame].kernel)
        r = buffer_append_string(&folding->line, "_[k]");
    return r;
}

static int visit(void *context, uint32_t number, unsigned depth, uint64_t before)
{
    struct folding *folding = context;
    const struct tree_node *node = &folding->tree->items[number];
    int r = 0;

    (void)before;
    if (depth > 0) {
        folding->line.size = folding->ends[depth - 1];
        r = append_symbol(folding, node->symbol);
    }
    folding->ends[depth] = folding->line.size;
    if (r == 0 && node->self > 0) {
        r = buffer_append(&folding->out, folding->line.data, folding->line.size);
        if (r == 0)
            r = buffer_append_format(&folding->out, " %" PRIu64 "\n", node->self);
        if (r == 0)
            r = buffer_drain(&folding->out, folding->sink, DRAIN_SIZE);
    }
    return r < 0 ? r : node->total > 0;
}

static void folding_release(struct folding *folding)
{
    buffer_release(&folding->line);
    buffer_release(&folding->out);
}

int profile_write_folded(const struct profile *profile, struct sink *sink)
{
    _cleanup_tree_ struct tree tree = {0};
    _cleanup_(folding_release) struct folding folding = {.profile = profile, .tree = &tree, .sink = sink};
    int r = tree_of(profile, &tree);

    if (r == 0)
        r = append_name(&folding.line, *profile->facts.name ? profile->facts.name : "[unknown]");
    if (r == 0)
        r = tree_walk(&tree, visit, &folding);
    if (r == 0)
        r = buffer_drain(&folding.out, sink, 0);
    return r;
}
