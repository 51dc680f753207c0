/* SPDX-License-Identifier: Apache-2.0 */
/* What threads do with the objects that `objects` and `malloc_threads` measure: loads of team.h.
 *
 * All of them write into their blocks, as everybody does who wants some, and look before each free
 * whether what they wrote is still there: two who have the same bytes are found out, and end the
 * program. A load's prove(pool) is more thorough and not measured: it takes many blocks at once and
 * fills them. */
#ifndef QUARRY_BENCHMARKS_LOADS_H
#define QUARRY_BENCHMARKS_LOADS_H

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include "posix_pools.h"

[[noreturn]] inline void fail(const char *what)
{
    std::fprintf(stderr, "benchmark: %s\n", what);
    std::_Exit(EXIT_FAILURE);
}

/* A block, and what is written at both of its ends. */
class signed_block
{
  public:
    void sign(void *block, std::size_t size, std::uint64_t name)
    {
        if (block == nullptr) {
            fail("no block");
        }
        words = static_cast<volatile std::uint64_t *>(block);
        bytes = size;
        signature = name;
        words[0] = signature;
        words[bytes / sizeof(*words) - 1] = signature;
    }

    /* Returns the block, which may be freed then. */
    void *check() const
    {
        if (words[0] != signature || words[bytes / sizeof(*words) - 1] != signature) {
            fail("somebody else wrote into a block");
        }
        return const_cast<std::uint64_t *>(words);
    }

    std::size_t size() const
    {
        return bytes;
    }

  private:
    volatile std::uint64_t *words;
    std::size_t bytes;
    std::uint64_t signature;
};

/* Signatures of a thread begin here; no two threads have the same. */
constexpr std::uint64_t first_signature(int thread)
{
    return static_cast<std::uint64_t>(thread + 1) << 48;
}

constexpr std::size_t proved_blocks = 64;

/* Takes many blocks, fills each, and looks whether all bytes of all are as they were left. */
template <class bytes_function, class take_function, class give_function>
void prove_distinct(bytes_function bytes_of, take_function take, give_function give)
{
    unsigned char *blocks[proved_blocks];

    for (std::size_t i = 0; i < proved_blocks; i++) {
        blocks[i] = static_cast<unsigned char *>(take(bytes_of(i)));
        if (blocks[i] == nullptr) {
            fail("too few blocks");
        }
        std::memset(blocks[i], static_cast<int>(i + 1), bytes_of(i));
    }
    for (std::size_t i = 0; i < proved_blocks; i++) {
        for (std::size_t byte = 0; byte < bytes_of(i); byte++) {
            if (blocks[i][byte] != i + 1) {
                fail("two blocks have a byte in common");
            }
        }
        give(blocks[i], bytes_of(i));
    }
}

template <class pool> void prove_distinct_blocks(pool &from)
{
    prove_distinct([](std::size_t) { return block_bytes; },
                   [&from](std::size_t) { return from.take(); },
                   [&from](void *block, std::size_t) { from.give(block); });
}

/* Takes a block of 64 bytes and gives it back; a pair of calls counts as one. */
template <class pool> class one_of_64
{
  public:
    one_of_64(pool &blocks, int thread) : from(blocks), name(first_signature(thread))
    {
    }

    std::uint64_t work()
    {
        signed_block block;

        block.sign(from.take(), block_bytes, name);
        from.give(block.check());
        return 1;
    }

    static void prove(pool &from)
    {
        prove_distinct_blocks(from);
    }

  private:
    pool &from;
    const std::uint64_t name;
};

/* Takes 8 blocks of 64 bytes with one call and gives them back with another one; counts as one. */
template <class pool> class eight_at_once
{
  public:
    eight_at_once(pool &blocks, int thread) : from(blocks), name(first_signature(thread))
    {
    }

    std::uint64_t work()
    {
        void *array[at_once];
        signed_block blocks[at_once];

        if (!from.take(at_once, array)) {
            fail("no blocks");
        }
        for (std::size_t i = 0; i < at_once; i++) {
            blocks[i].sign(array[i], block_bytes, name + i);
        }
        for (const signed_block &block : blocks) {
            block.check();
        }
        from.give(at_once, array);
        return 1;
    }

    static void prove(pool &from)
    {
        prove_distinct_blocks(from);
    }

  private:
    static constexpr std::size_t at_once = 8;
    pool &from;
    const std::uint64_t name;
};

/* Random sizes from 16 to 512 bytes, the same in each run of the program, drawn beforehand. */
class random_sizes
{
  public:
    static std::size_t of(std::size_t number)
    {
        static const random_sizes sizes;

        return sizes.bytes[number % sizes.bytes.size()];
    }

  private:
    random_sizes()
    {
        std::mt19937 generator(1);
        std::uniform_int_distribution<std::size_t> any(16, 512);

        for (std::size_t &size : bytes) {
            size = any(generator);
        }
    }

    std::array<std::size_t, 4096> bytes;
};

/* Each thread holds 16 blocks of random sizes, frees that which it has had longest and takes
 * another one in its place; such a pair of calls counts as one. */
template <class heap> class one_of_16_held
{
  public:
    one_of_16_held(heap &blocks, int thread)
        : from(blocks), name(first_signature(thread)), next(static_cast<std::size_t>(thread) * 997)
    {
        for (signed_block &block : held) {
            take(block);
        }
    }

    ~one_of_16_held()
    {
        for (const signed_block &block : held) {
            from.give(block.check(), block.size());
        }
    }

    one_of_16_held(const one_of_16_held &) = delete;
    one_of_16_held &operator=(const one_of_16_held &) = delete;

    std::uint64_t work()
    {
        signed_block &oldest = held[next % held.size()];

        from.give(oldest.check(), oldest.size());
        take(oldest);
        return 1;
    }

    static void prove(heap &from)
    {
        prove_distinct([](std::size_t i) { return random_sizes::of(i); },
                       [&from](std::size_t bytes) { return from.take(bytes); },
                       [&from](void *block, std::size_t bytes) { from.give(block, bytes); });
    }

  private:
    void take(signed_block &into)
    {
        const std::size_t bytes = random_sizes::of(next++);

        into.sign(from.take(bytes), bytes, name++);
    }

    heap &from;
    std::uint64_t name;
    std::size_t next;
    std::array<signed_block, 16> held;
};

/* A heap as a pool of blocks of 64 bytes. */
template <class heap> class blocks_of
{
  public:
    void *take()
    {
        return from.take(block_bytes);
    }

    void give(void *block)
    {
        from.give(block, block_bytes);
    }

  private:
    heap from;
};

#endif
