/* SPDX-License-Identifier: Apache-2.0 */
/* The C library's functions that look at malloc or adjust it. None is on the way of an allocation,
 * so they may print with stdio; they hold no lock while they do. */
#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <quarry/malloc.h>
#include <stdio.h>

#pragma GCC visibility push(default)

/* `arena` is all memory that the kernel has given for other than large blocks, and not got back. It
 * is `uordblks`, what the program has, and `fordblks`, the rest; also while other threads change
 * what it is made of. Blocks that another thread holds ready for itself count as the program's. */
struct mallinfo2 mallinfo2(void)
{
    struct quarry_malloc_stats stats;

    quarry_malloc_stats_get(&stats);
    size_t used_bytes = stats.live_bytes - stats.large_bytes;
    size_t other_bytes = stats.committed_bytes - stats.large_bytes;
    size_t free_bytes = other_bytes > used_bytes ? other_bytes - used_bytes : 0;
    return (struct mallinfo2){
        .arena = used_bytes + free_bytes,
        .ordblks = stats.free_chunks,
        .smblks = stats.free_blocks,
        .fsmblks = stats.free_block_bytes,
        .hblks = stats.large_blocks,
        .hblkhd = stats.large_bytes,
        .uordblks = used_bytes,
        .fordblks = free_bytes,
        .keepcost = stats.trimmable_bytes,
    };
}

/* The older struct has ints: what does not fit shows as the largest. */
static int as_int(size_t number)
{
    return number < INT_MAX ? (int)number : INT_MAX;
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations" /* it is deprecated, and exported */
struct mallinfo mallinfo(void)
{
    struct mallinfo2 info = mallinfo2();

    return (struct mallinfo){
        .arena = as_int(info.arena),
        .ordblks = as_int(info.ordblks),
        .smblks = as_int(info.smblks),
        .fsmblks = as_int(info.fsmblks),
        .hblks = as_int(info.hblks),
        .hblkhd = as_int(info.hblkhd),
        .uordblks = as_int(info.uordblks),
        .fordblks = as_int(info.fordblks),
        .keepcost = as_int(info.keepcost),
    };
}
#pragma GCC diagnostic pop

int malloc_trim(size_t keep_bytes)
{
    return quarry_malloc_trim(keep_bytes);
}

int mallopt(int parameter, int value)
{
    int error = EINVAL;

    if (value >= 0 && parameter == M_MMAP_THRESHOLD) {
        error = quarry_malloc_option_set(QUARRY_MALLOC_LARGE_THRESHOLD, (size_t)value);
    } else if (value >= 0 && parameter == M_ARENA_MAX) {
        error = quarry_malloc_option_set(QUARRY_MALLOC_ARENAS, (size_t)value);
    }
    return error == 0;
}

static void write_to_stream(const char *text, size_t bytes, void *stream)
{
    fwrite(text, 1, bytes, stream);
}

/* Of one piece among what other threads write. */
static void report_to(FILE *stream, enum quarry_malloc_report_form form)
{
    flockfile(stream);
    quarry_malloc_report(form, write_to_stream, stream);
    funlockfile(stream);
}

int malloc_info(int options, FILE *file)
{
    if (options != 0) {
        return EINVAL;
    }
    report_to(file, QUARRY_MALLOC_REPORT_XML);
    return 0;
}

void malloc_stats(void)
{
    report_to(stderr, QUARRY_MALLOC_REPORT_TABLE);
}
