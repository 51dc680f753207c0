/* SPDX-License-Identifier: Apache-2.0 */
/* Pools such as a program under POSIX has, to compare Quarry's with: classes with take() and
 * give(block), for blocks of one size that any thread may give back.
 *
 * Each pool's bookkeeping begins at a cache line, and so does each block: no pool shares a line
 * with another one or with what a benchmark counts. No pool is ever empty in the benchmarks. */
#ifndef QUARRY_BENCHMARKS_POSIX_POOLS_H
#define QUARRY_BENCHMARKS_POSIX_POOLS_H

#include <cstdlib>
#include <new>
#include <pthread.h>
#include <semaphore.h>

constexpr std::size_t line_bytes = 64; // of a cache line
constexpr std::size_t block_bytes = 64;
constexpr unsigned int pool_blocks = 128; // 8 threads hold 8 each, and as many are left

struct alignas(line_bytes) block_memory {
    char bytes[pool_blocks][block_bytes];
};

/* A singly linked list of free blocks, last in, first out, for one thread at a time. */
class block_list
{
  public:
    explicit block_list(block_memory &memory)
    {
        for (unsigned int i = pool_blocks; i != 0; i--) {
            push(memory.bytes[i - 1]);
        }
    }

    void *pop()
    {
        link *block = first;

        if (block != nullptr) {
            first = block->next;
        }
        return block;
    }

    void push(void *block)
    {
        first = new (block) link{first};
    }

  private:
    struct link {
        link *next;
    };
    link *first = nullptr;
};

/* The textbook: one mutex, one list. */
class textbook_pool
{
  public:
    void *take()
    {
        pthread_mutex_lock(&mutex);
        void *block = blocks.pop();
        pthread_mutex_unlock(&mutex);
        return block;
    }

    void give(void *block)
    {
        pthread_mutex_lock(&mutex);
        blocks.push(block);
        pthread_mutex_unlock(&mutex);
    }

    /* Several under one lock; all of them or none. */
    bool take(std::size_t count, void **array)
    {
        std::size_t taken = 0;

        pthread_mutex_lock(&mutex);
        while (taken < count && (array[taken] = blocks.pop()) != nullptr) {
            taken++;
        }
        const bool enough = taken == count;
        while (!enough && taken != 0) {
            blocks.push(array[--taken]);
        }
        pthread_mutex_unlock(&mutex);
        return enough;
    }

    void give(std::size_t count, void **array)
    {
        pthread_mutex_lock(&mutex);
        for (std::size_t i = count; i != 0; i--) {
            blocks.push(array[i - 1]);
        }
        pthread_mutex_unlock(&mutex);
    }

  private:
    block_memory memory;
    alignas(line_bytes) pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    block_list blocks{memory};
};

/* What POSIX offers to those who want to wait for a block: a semaphore counts the free ones. */
class semaphore_pool
{
  public:
    semaphore_pool()
    {
        sem_init(&free_blocks, 0, pool_blocks);
    }

    void *take()
    {
        sem_wait(&free_blocks);
        return pool.take();
    }

    void give(void *block)
    {
        pool.give(block);
        sem_post(&free_blocks);
    }

  private:
    alignas(line_bytes) sem_t free_blocks;
    textbook_pool pool;
};

/* The C library's malloc, which has blocks of each thread at hand. */
class malloc_pool
{
  public:
    void *take()
    {
        return std::malloc(block_bytes);
    }

    void give(void *block)
    {
        std::free(block);
    }
};

#endif
