/* SPDX-License-Identifier: Apache-2.0 */
/* The array of heaps that were initialised. Slots are filled from the front, each by one atomic
 * exchange of NULL for a heap, and never emptied:
 *
 *    | heap | heap | heap | NULL | ... | NULL |
 *                    ^      ^
 *         next_free (a hint, never behind the first NULL)
 *
 * So there is no lock, the filled slots are always those in front, and one more slot than heaps
 * keeps the array ended by NULL, also when it is full or has room for none. */
#include <zephyr/sys/sys_heap.h>

#include <errno.h>

#include <quarry/config.h>

static struct sys_heap *heaps[QUARRY_HEAP_ARRAY_SIZE + 1];
static unsigned int next_free; /* relaxed: whoever reads an old one looks at a few slots more */

/* The first slot that was free when it was looked at. */
static unsigned int first_free(void)
{
    unsigned int slot = __atomic_load_n(&next_free, __ATOMIC_RELAXED);

    while (__atomic_load_n(&heaps[slot], __ATOMIC_ACQUIRE) != NULL) {
        slot++;
    }
    return slot;
}

int sys_heap_array_save(struct sys_heap *heap)
{
    struct sys_heap *none;
    unsigned int slot;

    if (heap == NULL) {
        return -EINVAL;
    }
    do {
        slot = first_free();
        if (slot == QUARRY_HEAP_ARRAY_SIZE) {
            return -EINVAL;
        }
        none = NULL;
    } while (!__atomic_compare_exchange_n(&heaps[slot], &none, heap, false, __ATOMIC_ACQ_REL,
                                          __ATOMIC_ACQUIRE));
    __atomic_store_n(&next_free, slot + 1, __ATOMIC_RELAXED);
    return 0;
}

int sys_heap_array_get(struct sys_heap ***heap)
{
    if (heap == NULL) {
        return -EINVAL;
    }
    *heap = heaps;
    return (int)first_free();
}
