/* SPDX-License-Identifier: Apache-2.0 */
/* The C library's functions that look at malloc or adjust it. None is on the way of an allocation,
 * so they may print with stdio; they hold no lock while they do. */
#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <quarry/malloc.h>
#include <stdio.h>

#pragma GCC visibility push(default)

struct mallinfo2 mallinfo2(void)
{
    struct quarry_malloc_stats stats;

    quarry_malloc_stats_get(&stats);
    size_t arena_bytes = stats.committed_bytes - stats.large_bytes;
    size_t used_bytes = stats.live_bytes - stats.large_bytes;
    return (struct mallinfo2){
        .arena = arena_bytes,
        .ordblks = stats.free_chunks,
        .hblks = stats.large_blocks,
        .hblkhd = stats.large_bytes,
        .uordblks = used_bytes,
        .fordblks = arena_bytes - used_bytes,
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

int malloc_info(int options, FILE *file)
{
    struct quarry_malloc_stats stats;

    if (options != 0) {
        return EINVAL;
    }
    quarry_malloc_stats_get(&stats);
    fprintf(file, "<malloc version=\"quarry-1\">\n");
    fprintf(file, "<calls allocations=\"%ju\" frees=\"%ju\" resizes=\"%ju\" foreign=\"%ju\"/>\n",
            (uintmax_t)stats.allocations, (uintmax_t)stats.frees, (uintmax_t)stats.resizes,
            (uintmax_t)stats.foreign);
    fprintf(file, "<live bytes=\"%zu\"/>\n", stats.live_bytes);
    fprintf(file, "<large count=\"%zu\" bytes=\"%zu\"/>\n", stats.large_blocks, stats.large_bytes);
    fprintf(file, "<regions arenas=\"%zu\" count=\"%zu\" reserved=\"%zu\" free_chunks=\"%zu\"/>\n",
            stats.arenas, stats.regions, stats.reserved_bytes, stats.free_chunks);
    fprintf(file, "<committed bytes=\"%zu\" trimmable=\"%zu\"/>\n", stats.committed_bytes,
            stats.trimmable_bytes);
    fprintf(file, "</malloc>\n");
    return 0;
}

void malloc_stats(void)
{
    struct quarry_malloc_stats stats;

    quarry_malloc_stats_get(&stats);
    fprintf(stderr, "quarry: %ju allocations, %ju frees, %ju resizes, %ju foreign addresses\n",
            (uintmax_t)stats.allocations, (uintmax_t)stats.frees, (uintmax_t)stats.resizes,
            (uintmax_t)stats.foreign);
    fprintf(stderr, "quarry: %zu bytes live, %zu of them in %zu large blocks\n", stats.live_bytes,
            stats.large_bytes, stats.large_blocks);
    fprintf(stderr, "quarry: %zu bytes committed in %zu regions of %zu arenas and large blocks\n",
            stats.committed_bytes, stats.regions, stats.arenas);
}
