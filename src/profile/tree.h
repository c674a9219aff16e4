/* A profile's stacks as a tree of functions, all threads together: what a flame graph shows. In memory while
 * it is written, 16 MiB at most. */
#pragma once

#include "profile/symbols.h"

struct tree_node {
    uint32_t parent, symbol;
    uint32_t first, next; /* child, sibling, in the order of their labels; 0: none */
    uint64_t self, total; /* samples that end here; those and all below */
};

struct tree {
    struct symbols symbols;
    struct tree_node *items; /* the first is the root and has no symbol */
    size_t count, capacity;
    struct index index;
};

int tree_of(const struct profile *profile, struct tree *ret_tree) _must_check_; /* -ENOMEM */
void tree_release(struct tree *tree);
#define _cleanup_tree_ _cleanup_(tree_release)

/* What is called when a walk comes to a node (depth 0: the root), and returns whether to go on below it, or a
 * negative errno. */
typedef int tree_visit(void *context, uint32_t node, unsigned depth, uint64_t before);

/* Depth first, parents before children, children in order. before: samples left of the node. */
int tree_walk(const struct tree *tree, tree_visit *visit, void *context) _must_check_;
