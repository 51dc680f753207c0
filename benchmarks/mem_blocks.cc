/* SPDX-License-Identifier: Apache-2.0 */
/* Memory blocks: what it takes to take one, 8 or 64 of them and to give them back, out of 1 Ki to
 * 1 Mi, of which none, half or nearly all are taken.
 *
 *   mem_blocks [--quick] [Google Benchmark's options]
 *
 * Beside them: a slab, which takes one at a time, and what a program would write itself, a mutex
 * around a list of free blocks, which takes all it needs under one lock but can say neither which
 * blocks lie side by side nor, of a block, whether it is free. Both read and write free blocks;
 * memory blocks do not. Half of the blocks, or nearly all, are those that a random permutation
 * begins with: so what is free lies scattered. "Nearly all" leaves 256 blocks.
 *
 * The process has a second thread, which sleeps: without one, glibc's mutexes do without atomic
 * instructions. Nothing fails, whatever is measured. */
#include "results.h"

#include <algorithm>
#include <cstdio>
#include <memory>
#include <numeric>
#include <random>
#include <quarry/mem_blocks.h>
#include <zephyr/kernel/mem_slab.h>
#include "program.h"

namespace
{

constexpr std::size_t block_bytes = 16;
constexpr std::size_t most_at_once = 64;
constexpr std::size_t left_when_nearly_full = 256;

struct thoroughness {
    int repetitions;
    double seconds;
};
constexpr thoroughness thorough = {15, 0.02}, quick = {3, 0.005};

[[noreturn]] void fail(const char *what)
{
    std::fprintf(stderr, "mem_blocks: %s\n", what);
    std::exit(EXIT_FAILURE);
}

/* Numbers of the blocks that are taken from the start. */
std::vector<std::size_t> taken_blocks(std::size_t total, std::size_t taken)
{
    std::vector<std::size_t> numbers(total);

    std::iota(numbers.begin(), numbers.end(), 0);
    std::shuffle(numbers.begin(), numbers.end(), std::mt19937(1));
    numbers.resize(taken);
    return numbers;
}

/* --- The pools: take(count, array) and give(count, array) --- */

class blocks_pool
{
  public:
    blocks_pool(std::size_t total, std::size_t taken)
        : words(new std::uint32_t[QUARRY_BITARRAY_WORDS(total)]),
          buffer(new char[total * block_bytes])
    {
        if (quarry_bitarray_init(&bitmap, total, words.get(), QUARRY_BITARRAY_WORDS(total)) != 0 ||
            quarry_mem_blocks_init(&blocks, buffer.get(), block_bytes, &bitmap) != 0) {
            fail("no blocks");
        }
        for (const std::size_t number : taken_blocks(total, taken)) {
            sys_mem_blocks_get(&blocks, &buffer[number * block_bytes], 1);
        }
    }

    bool take(std::size_t count, void **array)
    {
        return sys_mem_blocks_alloc(&blocks, count, array) == 0;
    }

    void give(std::size_t count, void **array)
    {
        sys_mem_blocks_free(&blocks, count, array);
    }

  protected:
    sys_mem_blocks_t blocks;

  private:
    std::unique_ptr<std::uint32_t[]> words;
    std::unique_ptr<char[]> buffer;
    sys_bitarray_t bitmap;
};

class side_by_side_pool : public blocks_pool
{
  public:
    using blocks_pool::blocks_pool;

    bool take(std::size_t count, void **array)
    {
        return sys_mem_blocks_alloc_contiguous(&blocks, count, array) == 0;
    }

    void give(std::size_t count, void **array)
    {
        sys_mem_blocks_free_contiguous(&blocks, array[0], count);
    }
};

/* Gives back all but those that are to be taken from the start, in random order. */
template <class give_function>
void give_all_but(std::size_t total, std::size_t taken, std::vector<void *> &all,
                  give_function give)
{
    std::shuffle(all.begin(), all.end(), std::mt19937(1));
    for (std::size_t i = taken; i < total; i++) {
        give(all[i]);
    }
}

class slab_pool
{
  public:
    slab_pool(std::size_t total, std::size_t taken) : buffer(new char[total * block_bytes])
    {
        std::vector<void *> all(total);

        if (k_mem_slab_init(&slab, buffer.get(), block_bytes, static_cast<std::uint32_t>(total)) !=
            0) {
            fail("no slab");
        }
        take(total, all.data());
        give_all_but(total, taken, all, [this](void *block) { k_mem_slab_free(&slab, block); });
    }

    bool take(std::size_t count, void **array)
    {
        bool all = true;

        for (std::size_t i = 0; i < count; i++) {
            all = k_mem_slab_alloc(&slab, &array[i], K_NO_WAIT) == 0 && all;
        }
        return all;
    }

    void give(std::size_t count, void **array)
    {
        for (std::size_t i = 0; i < count; i++) {
            k_mem_slab_free(&slab, array[i]);
        }
    }

  private:
    std::unique_ptr<char[]> buffer;
    k_mem_slab slab;
};

class list_pool
{
  public:
    list_pool(std::size_t total, std::size_t taken) : buffer(new char[total * block_bytes])
    {
        std::vector<void *> all(total);

        for (std::size_t i = 0; i < total; i++) {
            all[i] = &buffer[i * block_bytes];
        }
        give_all_but(total, taken, all, [this](void *block) { give(1, &block); });
    }

    bool take(std::size_t count, void **array)
    {
        pthread_mutex_lock(&mutex);
        const bool enough = free_blocks >= count;
        if (enough) {
            free_blocks -= count;
            for (std::size_t i = 0; i < count; i++) {
                array[i] = first;
                first = first->next;
            }
        }
        pthread_mutex_unlock(&mutex);
        return enough;
    }

    void give(std::size_t count, void **array)
    {
        pthread_mutex_lock(&mutex);
        free_blocks += count;
        for (std::size_t i = 0; i < count; i++) {
            first = new (array[i]) link{first};
        }
        pthread_mutex_unlock(&mutex);
    }

  private:
    struct link {
        link *next;
    };
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    std::unique_ptr<char[]> buffer;
    link *first = nullptr;
    std::size_t free_blocks = 0;
};

/* --- The cases --- */

struct fill {
    const char *name;
    std::size_t (*taken)(std::size_t total);
};

constexpr fill fills[] = {
    {"empty", [](std::size_t) -> std::size_t { return 0; }},
    {"half", [](std::size_t total) { return total / 2; }},
    {"nearly full", [](std::size_t total) { return total - left_when_nearly_full; }},
};
constexpr struct {
    const char *name;
    std::size_t total;
} sizes[] = {{"1 Ki", 1 << 10}, {"64 Ki", 1 << 16}, {"1 Mi", 1 << 20}};
constexpr std::size_t counts[] = {1, 8, 64};

template <class pool> void take_and_give(benchmark::State &state, pool &from, std::size_t count)
{
    void *array[most_at_once];

    for (auto _ : state) {
        if (!from.take(count, array)) {
            state.SkipWithError("none");
            break;
        }
        benchmark::ClobberMemory();
        from.give(count, array);
    }
}

constexpr const char *contenders[] = {"blocks", "side by side", "slab", "list"};

std::string name_of(const char *contender, std::size_t count)
{
    return format("%s/%zu", contender, count);
}

template <class pool>
void add(const char *contender, const thoroughness &effort, pool &from, std::size_t count)
{
    benchmark::RegisterBenchmark(
        name_of(contender, count).c_str(),
        [&from, count](benchmark::State &state) { take_and_give(state, from, count); })
        ->Repetitions(effort.repetitions)
        ->MinTime(effort.seconds);
}

/* Where no run of so many is free, there is nothing to measure. */
template <class pool> bool can_take(pool &from, std::size_t count)
{
    void *array[most_at_once];
    const bool can = from.take(count, array);

    if (can) {
        from.give(count, array);
    }
    return can;
}

void print_line(const char *size, const char *fill, std::size_t count, const results &results)
{
    std::printf("%-6s %-12s %3zu", size, fill, count);
    for (const char *contender : contenders) {
        const std::string name = name_of(contender, count);
        if (results.has(name)) {
            std::printf(" %13.1f", results.ns(name));
        } else {
            std::printf(" %13s", "-");
        }
    }
    std::printf("\n");
    std::fflush(stdout);
}

void measure_case(const char *size, std::size_t total, const fill &fill, const thoroughness &effort)
{
    const std::size_t taken = fill.taken(total);
    blocks_pool blocks(total, taken);
    side_by_side_pool side_by_side(total, taken);
    slab_pool slab(total, taken);
    list_pool list(total, taken);

    const results results = measure([&] {
        for (const std::size_t count : counts) {
            add("blocks", effort, blocks, count);
            if (can_take(side_by_side, count)) {
                add("side by side", effort, side_by_side, count);
            }
            add("slab", effort, slab, count);
            add("list", effort, list, count);
        }
    });
    for (const std::size_t count : counts) {
        print_line(size, fill.name, count, results);
    }
}

} // namespace

int main(int argc, char **argv)
{
    const thoroughness &effort = take_quick(argc, argv) ? quick : thorough;

    initialize(argc, argv);
    start_sleeping_thread();
    std::printf("nanoseconds to take some blocks of %zu bytes and to give them back: medians of %d "
                "repetitions, interleaved at random\n\n%-6s %-12s %3s",
                block_bytes, effort.repetitions, "of", "taken", "n");
    for (const char *contender : contenders) {
        std::printf(" %13s", contender);
    }
    std::printf("\n");
    for (const auto &size : sizes) {
        for (const fill &fill : fills) {
            measure_case(size.name, size.total, fill, effort);
        }
    }
    return EXIT_SUCCESS;
}
