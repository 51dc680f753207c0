/* SPDX-License-Identifier: Apache-2.0 */
/* Binary trees that are built and dropped, after GCBench by J. Ellis, P. Kovac and H. Boehm, and
 * the binary-trees task of the Computer Language Benchmarks Game.
 *
 * One tree of the full depth lives throughout. Beside it come trees of growing depth, the more of a
 * depth the smaller it is, so that every depth costs the same. A tree is built from the root down,
 * and dropped from the leaves up: blocks of one small size, freed in an order near to the reverse.
 *
 * A node's value is made of its place in the tree; it is looked at before the node is freed. */
#include <stdlib.h>
#include "block.h"
#include "workload.h"

#define LEAST_DEPTH 4u
#define DEPTH_STEP  2u

static uint64_t most_depth = 18;
static uint64_t nodes_per_depth = 16000000;

static const struct workload_option options[] = {
    {"depth", "of the deepest trees: 2^depth leaves", &most_depth, LEAST_DEPTH, 28, NULL, NULL},
    {"nodes", "of the trees of each depth, times scale", &nodes_per_depth, 1, UINT32_MAX, NULL,
     NULL},
    {NULL, NULL, NULL, 0, 0, NULL, NULL},
};

static const struct workload workload = {"trees", "Trees that are built and dropped.", options, 0,
                                         false};

struct node {
    struct node *left;
    struct node *right;
    uint64_t value;
};

/* The root's place is 1; the children of place n are at 2n and 2n + 1. */
static uint64_t value_of(uint64_t tree, uint64_t place)
{
    return random_mix((tree << 32) + place);
}

static struct node *build(uint64_t tree, uint64_t place, uint64_t depth)
{
    struct node *node = malloc(sizeof(*node));

    block_require(node, sizeof(*node));
    *node = (struct node){NULL, NULL, value_of(tree, place)};
    if (depth > 0) {
        node->left = build(tree, 2 * place, depth - 1);
        node->right = build(tree, 2 * place + 1, depth - 1);
    }
    return node;
}

/* The sum of the values. */
static uint64_t drop(struct node *node, uint64_t tree, uint64_t place)
{
    uint64_t sum = node->value;

    if (sum != value_of(tree, place) || (node->left == NULL) != (node->right == NULL)) {
        workload_fail("node at %p has lost its contents", (void *)node);
    }
    if (node->left != NULL) {
        sum += drop(node->left, tree, 2 * place);
        sum += drop(node->right, tree, 2 * place + 1);
    }
    free(node);
    return sum;
}

static uint64_t nodes_of(uint64_t depth)
{
    return (UINT64_C(2) << depth) - 1;
}

static uint64_t trees_of(uint64_t depth)
{
    uint64_t count = workload_scaled(nodes_per_depth, 1) / nodes_of(depth);

    return count == 0 ? 1 : count;
}

/* Trees of one depth in turn go to all threads in turn. */
static void work(struct worker *worker)
{
    uint64_t first = 0;

    for (uint64_t depth = LEAST_DEPTH; depth <= most_depth; depth += DEPTH_STEP) {
        for (uint64_t i = worker->index; i < trees_of(depth); i += workload_threads) {
            uint64_t tree = workload_seed + first + i;

            worker->check += drop(build(tree, 1, depth), tree, 1);
            worker->operations += 2 * nodes_of(depth);
        }
        first += trees_of(depth);
    }
}

int main(int argc, char **argv)
{
    struct node *long_lived;

    workload_begin(&workload, argc, argv);
    long_lived = build(workload_seed, 1, most_depth);
    workload_run(workload_threads, work, NULL);
    workload_count(2 * nodes_of(most_depth), drop(long_lived, workload_seed, 1));
    return workload_end();
}
