/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Singly linked lists whose links lie in the members: the part of Zephyr's API that heap listeners
 * touch.
 *
 * A list starts all zero. A node is on one list at most, and only once.
 *
 * Cost:    O(1), but for sys_slist_find_and_remove.
 * Blocks:  never.
 * Threads: a list has no lock; calls on one list must be serialised by the caller.
 * Signals: may be called from a handler that did not interrupt a call on the same list.
 * Owner:   the caller owns list and nodes.
 * Misuse:  is not noticed: a node that is on a list already may not be appended again.
 * Source:  Zephyr's <zephyr/sys/slist.h>.
 */
#ifndef ZEPHYR_INCLUDE_SYS_SLIST_H_
#define ZEPHYR_INCLUDE_SYS_SLIST_H_

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A member's link. */
struct sys_slist_node_ {
    struct sys_slist_node_ *next;
};
typedef struct sys_slist_node_ sys_snode_t;

/** A list. */
struct sys_slist_ {
    sys_snode_t *head;
    sys_snode_t *tail;
};
typedef struct sys_slist_ sys_slist_t;

/** Initialiser of an empty list. */
#define SYS_SLIST_STATIC_INIT(list)                                                                \
    {                                                                                              \
        NULL, NULL                                                                                 \
    }

/** Makes a list empty. */
static inline void sys_slist_init(sys_slist_t *list)
{
    list->head = NULL;
    list->tail = NULL;
}

/** Returns the first node, or NULL. */
static inline sys_snode_t *sys_slist_peek_head(const sys_slist_t *list)
{
    return list->head;
}

/** Returns the last node, or NULL. */
static inline sys_snode_t *sys_slist_peek_tail(const sys_slist_t *list)
{
    return list->tail;
}

/** Returns the node behind @p node, or NULL; NULL for NULL. */
static inline sys_snode_t *sys_slist_peek_next(const sys_snode_t *node)
{
    return node != NULL ? node->next : NULL;
}

/** Tells whether a list has no nodes. */
static inline bool sys_slist_is_empty(const sys_slist_t *list)
{
    return list->head == NULL;
}

/** Adds a node at the end. */
static inline void sys_slist_append(sys_slist_t *list, sys_snode_t *node)
{
    node->next = NULL;
    if (list->tail != NULL) {
        list->tail->next = node;
    } else {
        list->head = node;
    }
    list->tail = node;
}

/**
 * Takes a node off a list, if it is there.
 *
 * @return whether it was
 *
 * Cost: O(number of nodes).
 */
static inline bool sys_slist_find_and_remove(sys_slist_t *list, const sys_snode_t *node)
{
    sys_snode_t *before = NULL;
    sys_snode_t *at = list->head;

    while (at != NULL && at != node) {
        before = at;
        at = at->next;
    }
    if (at == NULL) {
        return false;
    }
    if (before != NULL) {
        before->next = at->next;
    } else {
        list->head = at->next;
    }
    if (list->tail == at) {
        list->tail = before;
    }
    return true;
}

/** Visits each node in order; the body must not change the list. */
#define SYS_SLIST_FOR_EACH_NODE(list, node)                                                        \
    for ((node) = sys_slist_peek_head(list); (node) != NULL; (node) = sys_slist_peek_next(node))

#ifdef __cplusplus
}
#endif

#endif
