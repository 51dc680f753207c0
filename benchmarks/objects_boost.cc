/* SPDX-License-Identifier: Apache-2.0 */
/* Boost's pools, if its headers were there when this was built: a list of free blocks without a
 * lock, and a pool with a mutex that grows. */
#include "objects.h"

#include <cstdio>

#if QUARRY_HAVE_BOOST

#include <boost/lockfree/stack.hpp>
#include <boost/pool/singleton_pool.hpp>
#include "loads.h"

namespace
{

class lockfree_stack_pool
{
  public:
    lockfree_stack_pool()
    {
        for (char *block : memory.bytes) {
            give(block);
        }
    }

    void *take()
    {
        void *block = nullptr;

        return free_blocks.pop(block) ? block : nullptr;
    }

    void give(void *block)
    {
        if (!free_blocks.push(block)) {
            fail("more blocks than there are");
        }
    }

  private:
    block_memory memory;
    alignas(line_bytes)
        boost::lockfree::stack<void *, boost::lockfree::capacity<pool_blocks>> free_blocks;
};

class growing_pool
{
  public:
    void *take()
    {
        return pool::malloc();
    }

    void give(void *block)
    {
        pool::free(block);
    }

  private:
    using pool = boost::singleton_pool<growing_pool, block_bytes>;
};

} // namespace

void add_boost(rows &of_64)
{
    of_64.push_back(row_of<one_of_64, lockfree_stack_pool>("boost::lockfree::stack"));
    of_64.push_back(row_of<one_of_64, growing_pool>("boost::singleton_pool"));
}

#else

void add_boost(rows &)
{
    std::printf("built without Boost: its pools are left out\n");
}

#endif
