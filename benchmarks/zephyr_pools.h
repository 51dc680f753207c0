/* SPDX-License-Identifier: Apache-2.0 */
/* Zephyr's objects that hand out blocks of one size, as pools such as those of posix_pools.h. */
#ifndef QUARRY_BENCHMARKS_ZEPHYR_POOLS_H
#define QUARRY_BENCHMARKS_ZEPHYR_POOLS_H

#include <cstdint>
#include <cstdlib>
#include <quarry/mem_blocks.h>
#include <zephyr/kernel/mem_slab.h>
#include "posix_pools.h"

class slab_pool
{
  public:
    slab_pool()
    {
        if (k_mem_slab_init(&slab, memory.bytes, block_bytes, pool_blocks) != 0) {
            std::abort();
        }
    }

    void *take()
    {
        void *block;

        k_mem_slab_alloc(&slab, &block, K_NO_WAIT);
        return block;
    }

    void give(void *block)
    {
        k_mem_slab_free(&slab, block);
    }

  private:
    block_memory memory;
    alignas(line_bytes) k_mem_slab slab;
};

/* Bits that stand for blocks. */
class bits_pool
{
  public:
    bits_pool()
    {
        if (quarry_bitarray_init(&bits, pool_blocks, words, QUARRY_BITARRAY_WORDS(pool_blocks)) !=
            0) {
            std::abort();
        }
    }

    void *take()
    {
        std::size_t number;

        return sys_bitarray_alloc(&bits, 1, &number) == 0 ? memory.bytes[number] : nullptr;
    }

    void give(void *block)
    {
        const auto offset = static_cast<std::size_t>(static_cast<char *>(block) - memory.bytes[0]);

        if (sys_bitarray_free(&bits, 1, offset / block_bytes) != 0) {
            std::abort();
        }
    }

  private:
    block_memory memory;
    alignas(line_bytes) sys_bitarray_t bits;
    std::uint32_t words[QUARRY_BITARRAY_WORDS(pool_blocks)];
};

/* Takes and gives back several at once, too. */
class memory_blocks_pool
{
  public:
    memory_blocks_pool()
    {
        if (quarry_bitarray_init(&bits, pool_blocks, words, QUARRY_BITARRAY_WORDS(pool_blocks)) !=
                0 ||
            quarry_mem_blocks_init(&blocks, memory.bytes, block_bytes, &bits) != 0) {
            std::abort();
        }
    }

    bool take(std::size_t count, void **array)
    {
        return sys_mem_blocks_alloc(&blocks, count, array) == 0;
    }

    void give(std::size_t count, void **array)
    {
        if (sys_mem_blocks_free(&blocks, count, array) != 0) {
            std::abort();
        }
    }

    void *take()
    {
        void *block;

        return take(1, &block) ? block : nullptr;
    }

    void give(void *block)
    {
        give(1, &block);
    }

  private:
    block_memory memory;
    alignas(line_bytes) sys_mem_blocks_t blocks;
    sys_bitarray_t bits;
    std::uint32_t words[QUARRY_BITARRAY_WORDS(pool_blocks)];
};

#endif
