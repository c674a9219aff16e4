#include "profile/tree.h"

#include "base/array.h"
#include "base/limits.h"

#include <errno.h>
#include <string.h>

static bool node_is(const void *owner, uint32_t number, const void *key)
{
    const struct tree *tree = owner;
    const struct tree_node *one = &tree->items[number], *other = key;

    return one->parent == other->parent && one->symbol == other->symbol;
}

static uint64_t node_hash(const void *owner, uint32_t number)
{
    const struct tree *tree = owner;
    return hash_pair(tree->items[number].parent, tree->items[number].symbol);
}

static int find_or_add(struct tree *tree, uint32_t parent, uint32_t symbol, uint32_t *ret_node)
{
    static const struct index_kind kind = {.is = node_is, .hash = node_hash};
    struct tree_node node = {.parent = parent, .symbol = symbol};
    uint64_t hash = hash_pair(parent, symbol);
    int r;

    if (index_find(&tree->index, &kind, tree, hash, &node, ret_node))
        return 0;
    r = ARRAY_RESERVE(tree, 1, LIMIT_PROFILE_NODES);
    if (r < 0)
        return r;
    *ret_node = (uint32_t)tree->count;
    tree->items[tree->count] = node;
    return index_add(&tree->index, &kind, tree, hash, (uint32_t)tree->count++);
}

/* Parents come before their children in the profile, and so they do here. */
static int add_nodes(const struct profile *profile, struct tree *tree, uint32_t *of_node)
{
    int r = ARRAY_RESERVE(tree, 1, LIMIT_PROFILE_NODES);

    if (r == 0)
        tree->items[tree->count++] = (struct tree_node){.symbol = UINT32_MAX};
    for (uint32_t i = 1; r == 0 && i < profile->nodes.count; i++) {
        const struct profile_node *node = &profile->nodes.items[i];
        r = find_or_add(tree, of_node[node->parent], tree->symbols.of_frame[node->frame], &of_node[i]);
    }
    return r;
}

static void add_counts(const struct profile *profile, struct tree *tree, const uint32_t *of_node)
{
    for (size_t i = 0; i < profile->counts.count; i++)
        tree->items[of_node[profile->counts.items[i].node]].self += profile->counts.items[i].count;
    for (size_t i = tree->count; i-- > 0;) {
        tree->items[i].total += tree->items[i].self;
        if (i > 0)
            tree->items[tree->items[i].parent].total += tree->items[i].total;
    }
}

struct by_label {
    const struct tree *tree;
    const uint32_t *rank; /* by symbol */
};

static int compare_labels(const void *left, const void *right, void *context)
{
    const struct profile *profile = ((const void **)context)[0];
    const struct symbols *symbols = ((const void **)context)[1];
    const struct symbol *one = &symbols->items[*(const uint32_t *)left];
    const struct symbol *other = &symbols->items[*(const uint32_t *)right];
    int order = strcmp(profile_string(profile, one->function), profile_string(profile, other->function));

    if (order == 0)
        order = one->frame < other->frame ? -1 : one->frame > other->frame;
    return order;
}

static int compare_children(const void *left, const void *right, void *context)
{
    const struct by_label *by = context;
    const struct tree_node *one = &by->tree->items[*(const uint32_t *)left];
    const struct tree_node *other = &by->tree->items[*(const uint32_t *)right];

    if (one->parent != other->parent)
        return one->parent < other->parent ? -1 : 1;
    return by->rank[one->symbol] < by->rank[other->symbol] ? -1
                                                           : by->rank[one->symbol] > by->rank[other->symbol];
}

/* Symbols are sorted once, so that nodes, of which there may be many more, are sorted by numbers. */
static int link_children(const struct profile *profile, struct tree *tree)
{
    _cleanup_free_ uint32_t *order = calloc(tree->count, sizeof *order);
    _cleanup_free_ uint32_t *sorted = calloc(tree->symbols.count, sizeof *sorted);
    _cleanup_free_ uint32_t *rank = calloc(tree->symbols.count, sizeof *rank);
    struct by_label by = {.tree = tree, .rank = rank};
    const void *labels[] = {profile, &tree->symbols};

    if (!order || !sorted || !rank)
        return -ENOMEM;
    for (uint32_t i = 0; i < tree->symbols.count; i++)
        sorted[i] = i;
    qsort_r(sorted, tree->symbols.count, sizeof *sorted, compare_labels, labels);
    for (uint32_t i = 0; i < tree->symbols.count; i++)
        rank[sorted[i]] = i;
    for (uint32_t i = 1; i < tree->count; i++)
        order[i - 1] = i;
    qsort_r(order, tree->count - 1, sizeof *order, compare_children, &by);
    for (size_t i = tree->count - 1; i-- > 0;) { /* from behind: each is put before its sibling */
        struct tree_node *node = &tree->items[order[i]], *parent = &tree->items[node->parent];

        node->next = parent->first;
        parent->first = order[i];
    }
    return 0;
}

int tree_of(const struct profile *profile, struct tree *ret_tree)
{
    _cleanup_tree_ struct tree tree = {0};
    _cleanup_free_ uint32_t *of_node = calloc(profile->nodes.count, sizeof *of_node);
    int r = of_node ? symbols_of(profile, &tree.symbols) : -ENOMEM;

    if (r == 0)
        r = add_nodes(profile, &tree, of_node);
    if (r == 0) {
        add_counts(profile, &tree, of_node);
        r = link_children(profile, &tree);
    }
    if (r < 0)
        return r;
    index_release(&tree.index);
    *ret_tree = tree;
    tree = (struct tree){0};
    return 0;
}

void tree_release(struct tree *tree)
{
    symbols_release(&tree->symbols);
    free(tree->items);
    index_release(&tree->index);
    *tree = (struct tree){0};
}

int tree_walk(const struct tree *tree, tree_visit *visit, void *context)
{
    uint64_t before[LIMIT_PROFILE_DEPTH + 2] = {0}; /* where the next child of each node on the way begins */
    uint32_t node = 0;
    unsigned depth = 0;

    for (;;) {
        const struct tree_node *at = &tree->items[node];
        int r = visit(context, node, depth, before[depth]);

        if (r < 0)
            return r;
        if (r > 0 && at->first) {
            before[depth + 1] = before[depth];
            node = at->first;
            depth++;
            continue;
        }
        while (node && !tree->items[node].next) {
            node = tree->items[node].parent;
            depth--;
        }
        if (!node)
            return 0;
        /* what is left of a node is left of its siblings, too */
        before[depth] += tree->items[node].total;
        node = tree->items[node].next;
    }
}
