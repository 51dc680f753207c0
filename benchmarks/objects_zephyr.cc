/* SPDX-License-Identifier: Apache-2.0 */
/* The objects of Zephyr's API, and Quarry's malloc under its own name. Without a lock around it, a
 * sys_heap is for one thread. */
#include "loads.h"
#include "objects.h"
#include "zephyr_heaps.h"
#include "zephyr_pools.h"

namespace
{

constexpr int one_thread = 1;
using zephyr_heap = used<bare_heap<QUARRY_HEAP_ZEPHYR_BUCKETS>>;
using fine_heap = used<bare_heap<QUARRY_HEAP_FINE_BUCKETS>>;

template <class heap>
void add_heap(const char *name, rows &of_64, rows &of_any_size, int up_to = most_threads)
{
    of_64.push_back(row_of<one_of_64, blocks_of<heap>>(name, up_to));
    of_any_size.push_back(row_of<one_of_16_held, heap>(name, up_to));
}

} // namespace

void add_zephyr(rows &of_64, rows &of_any_size)
{
    of_64.push_back(row_of<one_of_64, slab_pool>("k_mem_slab"));
    of_64.push_back(row_of<one_of_64, bits_pool>("sys_bitarray, 1 bit"));
    of_64.push_back(row_of<one_of_64, memory_blocks_pool>("sys_mem_blocks"));
    of_64.push_back(row_of<eight_at_once, memory_blocks_pool>("sys_mem_blocks, 8 at once"));
    add_heap<zephyr_heap>("sys_heap", of_64, of_any_size, one_thread);
    add_heap<fine_heap>("sys_heap, fine buckets", of_64, of_any_size, one_thread);
    add_heap<locked<zephyr_heap>>("mutex, sys_heap", of_64, of_any_size);
    add_heap<locked<fine_heap>>("mutex, sys_heap, fine buckets", of_64, of_any_size);
    add_heap<locked<used<bare_multi_heap>>>("mutex, sys_multi_heap of 2", of_64, of_any_size);
    add_heap<used<waitable_heap>>("k_heap", of_64, of_any_size);
    add_heap<used<program_heap>>("k_malloc", of_64, of_any_size);
    add_heap<used<program_multi_heap>>("shared_multi_heap", of_64, of_any_size);
    add_heap<quarry_malloc_heap>("quarry_malloc", of_64, of_any_size);
}
