/* SPDX-License-Identifier: Apache-2.0 */
/* Bit arrays: what it takes to allocate a bit and to free it, in small and large arrays, however
 * full; and to allocate runs, with the summary, without it, and bit by bit.
 *
 *   bitarray [--quick] [Google Benchmark's options]
 *
 * The promise is that one bit of 1 Mi costs at most twice what one of 1 Ki costs, wherever the free
 * bits are. The last table says whether that is so on this machine, today. Nothing fails if not. */
#include "results.h"

#include <cstdio>
#include <memory>
#include <random>
#include <quarry/bitarray.h>
#include "program.h"

namespace
{

constexpr double most_of_small = 2.0; // the bound
constexpr std::size_t small_bits = 1 << 10, large_bits = 1 << 20;
constexpr std::size_t places = 4096; // a power of two

struct thoroughness {
    int repetitions;
    double seconds;
};
constexpr thoroughness thorough = {21, 0.05}, quick = {5, 0.01};

class bits
{
  public:
    explicit bits(std::size_t how_many)
        : count(how_many), storage(new std::uint32_t[QUARRY_BITARRAY_WORDS(how_many)])
    {
        if (quarry_bitarray_init(&array, count, storage.get(), QUARRY_BITARRAY_WORDS(count)) != 0) {
            std::abort();
        }
    }

    void fill_all()
    {
        sys_bitarray_set_region(&array, count, 0);
    }

    void fill_half()
    {
        for (std::size_t bit = 0; bit < count; bit++) {
            if (generator() % 2 == 0) {
                sys_bitarray_set_bit(&array, bit);
            }
        }
    }

    std::size_t any_bit()
    {
        return generator() % count;
    }

    const std::size_t count;
    sys_bitarray_t array;

  private:
    std::unique_ptr<std::uint32_t[]> storage;
    std::mt19937 generator{1};
};

/* Allocates a run and frees it. */
void take_and_give(benchmark::State &state, sys_bitarray_t &array, std::size_t length)
{
    for (auto _ : state) {
        std::size_t offset;
        if (sys_bitarray_alloc(&array, length, &offset) != 0 ||
            sys_bitarray_free(&array, length, offset) != 0) {
            state.SkipWithError("no bits");
            break;
        }
    }
}

/* --- One bit --- */

void empty(benchmark::State &state, std::size_t count)
{
    bits bits(count);
    take_and_give(state, bits.array, 1);
}

void half_full(benchmark::State &state, std::size_t count)
{
    bits bits(count);
    bits.fill_half();
    take_and_give(state, bits.array, 1);
}

void last_bit_free(benchmark::State &state, std::size_t count)
{
    bits bits(count);
    bits.fill_all();
    sys_bitarray_clear_bit(&bits.array, count - 1);
    take_and_give(state, bits.array, 1);
}

/* The one free bit is at another place each time. */
void move_about(benchmark::State &state, bits &bits, const std::size_t *where, std::size_t size)
{
    std::size_t next = 0;

    bits.fill_all();
    for (auto _ : state) {
        std::size_t offset;
        const std::size_t place = where[next++ % size];
        if (sys_bitarray_free(&bits.array, 1, place) != 0 ||
            sys_bitarray_alloc(&bits.array, 1, &offset) != 0 || offset != place) {
            state.SkipWithError("another bit");
            break;
        }
    }
}

void both_ends(benchmark::State &state, std::size_t count)
{
    bits bits(count);
    const std::size_t where[2] = {0, count - 1};
    move_about(state, bits, where, 2);
}

void anywhere(benchmark::State &state, std::size_t count)
{
    bits bits(count);
    std::size_t where[places];
    for (std::size_t &place : where) {
        place = bits.any_bit();
    }
    move_about(state, bits, where, places);
}

/* Two free bits far apart are taken, and given back in the same order. */
void two_at_a_time(benchmark::State &state, std::size_t count)
{
    bits bits(count);
    bits.fill_all();
    sys_bitarray_clear_bit(&bits.array, 1);
    sys_bitarray_clear_bit(&bits.array, count - 2);
    for (auto _ : state) {
        std::size_t first, second;
        if (sys_bitarray_alloc(&bits.array, 1, &first) != 0 ||
            sys_bitarray_alloc(&bits.array, 1, &second) != 0 ||
            sys_bitarray_free(&bits.array, 1, first) != 0 ||
            sys_bitarray_free(&bits.array, 1, second) != 0) {
            state.SkipWithError("no bits");
            break;
        }
    }
}

/* A refusal has to be as fast. */
void none_free(benchmark::State &state, std::size_t count)
{
    bits bits(count);
    bits.fill_all();
    for (auto _ : state) {
        std::size_t offset;
        if (sys_bitarray_alloc(&bits.array, 1, &offset) == 0) {
            state.SkipWithError("a bit");
            break;
        }
    }
}

constexpr struct {
    const char *name;
    void (*body)(benchmark::State &state, std::size_t count);
} single[] = {
    {"empty", empty},
    {"half full, at random", half_full},
    {"full but for the last bit", last_bit_free},
    {"one free bit, at either end in turn", both_ends},
    {"one free bit, anywhere", anywhere},
    {"two free bits, one at each end", two_at_a_time},
    {"full: alloc is refused", none_free},
};

void measure_single(const thoroughness &effort, const char *process, verdicts &verdicts)
{
    const auto name_of = [](const char *name, std::size_t count) {
        return std::string(name) + (count == small_bits ? ", 1 Ki" : ", 1 Mi");
    };
    const results results = measure([&] {
        for (const auto &one : single) {
            for (const std::size_t count : {small_bits, large_bits}) {
                benchmark::RegisterBenchmark(name_of(one.name, count).c_str(), one.body, count)
                    ->Repetitions(effort.repetitions)
                    ->MinTime(effort.seconds);
            }
        }
    });

    for (const auto &one : single) {
        const std::string small = name_of(one.name, small_bits),
                          large = name_of(one.name, large_bits);
        if (results.has(small) && results.has(large)) {
            verdicts.add(std::string(process) + ": " + one.name,
                         format("1 Ki %.1f ns, 1 Mi %.1f ns", results.ns(small), results.ns(large)),
                         results.ns(large) / results.ns(small), bound::at_most, most_of_small);
        }
    }
}

/* --- Runs --- */

/* The textbook: a mutex, and each bit looked at by itself. */
class bit_by_bit
{
  public:
    explicit bit_by_bit(sys_bitarray_t &like) : array(like)
    {
    }

    bool take(std::size_t length, std::size_t &offset)
    {
        pthread_mutex_lock(&mutex);
        std::size_t run = 0;
        for (std::size_t bit = 0; bit < array.num_bits && run < length; bit++) {
            run = (array.bundles[bit / 32] >> bit % 32 & 1) != 0 ? 0 : run + 1;
            offset = bit + 1 - run;
        }
        if (run == length) {
            for (std::size_t bit = offset; bit < offset + length; bit++) {
                array.bundles[bit / 32] |= 1u << bit % 32;
            }
        }
        pthread_mutex_unlock(&mutex);
        return run == length;
    }

    void give(std::size_t length, std::size_t offset)
    {
        pthread_mutex_lock(&mutex);
        for (std::size_t bit = offset; bit < offset + length; bit++) {
            array.bundles[bit / 32] &= ~(1u << bit % 32);
        }
        pthread_mutex_unlock(&mutex);
    }

  private:
    sys_bitarray_t &array;
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
};

enum class method { with_summary, without_summary, bit_by_bit };
constexpr const char *method_names[] = {"with summary", "without", "bit by bit"};

void run_of(benchmark::State &state, method how, std::size_t length, bool in_pieces)
{
    bits bits(large_bits);
    bits.fill_all();
    if (in_pieces) { // no run of this length but the last
        for (std::size_t bit = 0; bit < large_bits; bit += 2) {
            sys_bitarray_clear_bit(&bits.array, bit);
        }
    }
    sys_bitarray_clear_region(&bits.array, length, large_bits - length);
    if (how == method::bit_by_bit) {
        bit_by_bit textbook(bits.array);
        for (auto _ : state) {
            std::size_t offset = 0;
            if (!textbook.take(length, offset)) {
                state.SkipWithError("no bits");
                break;
            }
            textbook.give(length, offset);
        }
        return;
    }
    if (how == method::without_summary) {
        bits.array.summary = nullptr;
    }
    take_and_give(state, bits.array, length);
}

void measure_runs(const thoroughness &effort)
{
    constexpr std::size_t lengths[] = {1, 8, 64, 1024, 16384};
    const auto name_of = [](std::size_t length, bool in_pieces, int how) {
        return format("%zu %s %s", length, in_pieces ? "pieces" : "full", method_names[how]);
    };
    const results results = measure([&] {
        for (const std::size_t length : lengths) {
            for (int pieces = length == 1 ? 0 : 1; pieces >= 0; pieces--) {
                for (int how = 0; how < 3; how++) {
                    benchmark::RegisterBenchmark(name_of(length, pieces, how).c_str(), run_of,
                                                 static_cast<method>(how), length, pieces != 0)
                        ->Repetitions(effort.repetitions / 3)
                        ->MinTime(effort.seconds);
                }
            }
        }
    });

    std::printf("\n1 Mi bits, the only run of so many clear bits is at the end: alloc and free\n");
    std::printf("  %-28s %14s %14s %14s\n", "run, the rest of the array", method_names[0],
                method_names[1], method_names[2]);
    for (const std::size_t length : lengths) {
        for (int pieces = 0; pieces < 2; pieces++) {
            if (results.has(name_of(length, pieces, 0))) {
                std::printf("  %6zu, %-20s", length, pieces ? "every other bit set" : "full");
                for (int how = 0; how < 3; how++) {
                    std::printf(" %11.0f ns", results.ns(name_of(length, pieces, how)));
                }
                std::printf("\n");
            }
        }
    }
}

} // namespace

int main(int argc, char **argv)
{
    const thoroughness &effort = take_quick(argc, argv) ? quick : thorough;
    verdicts verdicts;

    initialize(argc, argv);
    std::printf("medians of %d repetitions, interleaved at random\n", effort.repetitions);
    measure_single(effort, "alone", verdicts);
    start_sleeping_thread();
    measure_single(effort, "2 threads", verdicts);
    measure_runs(effort);
    verdicts.print();
    return EXIT_SUCCESS;
}
