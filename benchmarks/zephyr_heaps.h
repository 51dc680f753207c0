/* SPDX-License-Identifier: Apache-2.0 */
/* Zephyr's heaps, one interface for all: classes with take(bytes), which returns a block or null,
 * and give(block, bytes), with the size that was asked for. */
#ifndef QUARRY_BENCHMARKS_ZEPHYR_HEAPS_H
#define QUARRY_BENCHMARKS_ZEPHYR_HEAPS_H

#include <cstdint>
#include <cstdlib>
#include <pthread.h>
#include <quarry/heap.h>
#include <quarry/malloc.h>
#include <zephyr/kernel/kheap.h>
#include <zephyr/kernel/system_heap.h>
#include <zephyr/multi_heap/shared_multi_heap.h>
#include <zephyr/sys/multi_heap.h>
#include "posix_pools.h"

constexpr std::size_t heap_bytes = 256 * 1024; // 8 threads hold 16 blocks of 512 bytes each

/* For one thread at a time. */
template <quarry_heap_buckets buckets> class bare_heap
{
  public:
    bare_heap()
    {
        quarry_heap_init(&heap, memory, sizeof(memory), buckets);
    }

    void *take(std::size_t bytes)
    {
        return sys_heap_alloc(&heap, bytes);
    }

    void give(void *block, std::size_t)
    {
        sys_heap_free(&heap, block);
    }

  private:
    alignas(line_bytes) char memory[heap_bytes];
    alignas(line_bytes) sys_heap heap;
};

/* Two heaps, of which the first one that has room serves; for one thread at a time. */
class bare_multi_heap
{
  public:
    bare_multi_heap()
    {
        sys_multi_heap_init(&multi_heap, first_with_room);
        for (int i = 0; i < 2; i++) {
            sys_heap_init(&heaps[i], memory[i], sizeof(memory[i]));
            sys_multi_heap_add_heap(&multi_heap, &heaps[i], nullptr);
        }
    }

    void *take(std::size_t bytes)
    {
        return sys_multi_heap_alloc(&multi_heap, nullptr, bytes);
    }

    void give(void *block, std::size_t)
    {
        sys_multi_heap_free(&multi_heap, block);
    }

  private:
    static void *first_with_room(sys_multi_heap *of, void *, std::size_t align, std::size_t bytes)
    {
        for (unsigned int i = 0; i < of->nheaps; i++) {
            void *block = sys_heap_aligned_alloc(of->heaps[i].heap, align, bytes);
            if (block != nullptr) {
                return block;
            }
        }
        return nullptr;
    }

    alignas(line_bytes) char memory[2][heap_bytes];
    alignas(line_bytes) sys_heap heaps[2];
    sys_multi_heap multi_heap;
};

/* A heap for one thread at a time, with a mutex around each call. */
template <class bare> class locked
{
  public:
    void *take(std::size_t bytes)
    {
        pthread_mutex_lock(&mutex);
        void *block = heap.take(bytes);
        pthread_mutex_unlock(&mutex);
        return block;
    }

    void give(void *block, std::size_t bytes)
    {
        pthread_mutex_lock(&mutex);
        heap.give(block, bytes);
        pthread_mutex_unlock(&mutex);
    }

  private:
    bare heap;
    alignas(line_bytes) pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
};

class waitable_heap
{
  public:
    waitable_heap()
    {
        k_heap_init(&heap, memory, sizeof(memory));
    }

    void *take(std::size_t bytes)
    {
        return k_heap_alloc(&heap, bytes, K_NO_WAIT);
    }

    void give(void *block, std::size_t)
    {
        k_heap_free(&heap, block);
    }

  private:
    alignas(line_bytes) char memory[heap_bytes];
    alignas(line_bytes) k_heap heap;
};

/* k_malloc: the one of the program. */
class program_heap
{
  public:
    void *take(std::size_t bytes)
    {
        return k_malloc(bytes);
    }

    void give(void *block, std::size_t)
    {
        k_free(block);
    }
};

/* shared_multi_heap: the one of the program, with a region that stays. */
class program_multi_heap
{
  public:
    program_multi_heap()
    {
        static const bool ready = make_ready();

        if (!ready) {
            std::abort();
        }
    }

    void *take(std::size_t bytes)
    {
        return shared_multi_heap_alloc(SMH_REG_ATTR_CACHEABLE, bytes);
    }

    void give(void *block, std::size_t)
    {
        shared_multi_heap_free(block);
    }

  private:
    static bool make_ready()
    {
        alignas(line_bytes) static char memory[heap_bytes];
        shared_multi_heap_region region = {
            SMH_REG_ATTR_CACHEABLE, reinterpret_cast<std::uintptr_t>(memory), sizeof(memory)};

        return shared_multi_heap_pool_init() == 0 && shared_multi_heap_add(&region, nullptr) == 0;
    }
};

class quarry_malloc_heap
{
  public:
    void *take(std::size_t bytes)
    {
        return quarry_malloc(bytes);
    }

    void give(void *block, std::size_t)
    {
        quarry_free(block);
    }
};

/* A heap that holds blocks of other sizes with holes between them, as a used one does. */
template <class heap> class used : public heap
{
  public:
    used()
    {
        for (std::size_t i = 0; i < other_blocks; i++) {
            others[i] = this->take(bytes_of(i));
            if (others[i] == nullptr) {
                std::abort();
            }
        }
        give_every_other(0);
    }

    ~used()
    {
        give_every_other(1);
    }

    used(const used &) = delete;
    used &operator=(const used &) = delete;

  private:
    static constexpr std::size_t other_blocks = 64;

    static constexpr std::size_t bytes_of(std::size_t number)
    {
        return 200 + 8 * number;
    }

    void give_every_other(std::size_t first)
    {
        for (std::size_t i = first; i < other_blocks; i += 2) {
            this->give(others[i], bytes_of(i));
        }
    }

    void *others[other_blocks];
};

#endif
