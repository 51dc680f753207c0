/* SPDX-License-Identifier: Apache-2.0 */
/* Draws what a random load makes of a heap, as text or as an SVG image.
 *
 * Block sizes are log-uniform: as many between 16 and 32 bytes as between 1024 and 2048. The load
 * comes in waves: it allocates more often than it frees until it has five eighths of the heap,
 * then it frees more often until it has three. Equal options give equal pictures. */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <quarry/heap.h>
#include <quarry/heap_snapshot.h>
#include <zephyr/sys/sys_heap.h>

/* No heap holds more blocks than one for so many bytes. */
#define BYTES_PER_BLOCK 16u

struct settings {
    enum quarry_heap_buckets buckets;
    size_t bytes;
    size_t largest; /* block; 0: a 32nd of the heap */
    size_t steps;
    uint64_t seed;
    const char *svg; /* path, or NULL for text */
    unsigned int columns;
};

struct block {
    void *mem;
    size_t bytes;
};

struct load {
    struct sys_heap heap;
    struct block *blocks;
    size_t count;
    size_t live_bytes;
    uint64_t random;
};

static const char usage[] =
    "usage: draw_heap [OPTION...]\n"
    "Draws what a random load makes of a heap.\n"
    "\n"
    "  --buckets zephyr|fine  how the heap sorts its free chunks (zephyr)\n"
    "  --bytes N              size of the heap (4096)\n"
    "  --largest N            size of the largest block (a 32nd of the heap, 16 at least)\n"
    "  --steps N              allocations and frees before it is drawn (1000)\n"
    "  --seed N               beginning of the random numbers (1)\n"
    "  --text                 draw text on standard output; that is the default\n"
    "  --columns N            width of the text (80)\n"
    "  --svg FILE             draw an SVG image into FILE\n"
    "\n"
    "N is decimal, or hexadecimal with 0x; k and m behind it mean KiB and MiB.\n";

static bool parse_number(const char *text, size_t *number)
{
    char *end;

    errno = 0;
    unsigned long long value = strtoull(text, &end, 0);
    if (end == text || errno != 0 || *text == '-') {
        return false;
    }
    unsigned int shift = *end == 'k' ? 10 : *end == 'm' ? 20 : 0;
    end += shift != 0;
    if (*end != '\0' || value > (SIZE_MAX >> 1) >> shift) {
        return false;
    }
    *number = (size_t)value << shift;
    return true;
}

static bool parse_buckets(const char *text, enum quarry_heap_buckets *buckets)
{
    if (strcmp(text, "zephyr") == 0) {
        *buckets = QUARRY_HEAP_ZEPHYR_BUCKETS;
        return true;
    }
    *buckets = QUARRY_HEAP_FINE_BUCKETS;
    return strcmp(text, "fine") == 0;
}

/* False iff the option's argument cannot be understood. */
static bool take_option(struct settings *settings, int option, const char *argument)
{
    size_t number = 0;

    if (option == 'b') {
        return parse_buckets(argument, &settings->buckets);
    }
    if (option == 's') {
        settings->svg = argument;
        return true;
    }
    if (option == 't') {
        settings->svg = NULL;
        return true;
    }
    if (!parse_number(argument, &number)) {
        return false;
    }
    switch (option) {
    case 'c':
        settings->columns = number > 9999 ? 9999 : (unsigned int)number;
        return true;
    case 'l':
        settings->largest = number;
        return true;
    case 'n':
        settings->bytes = number;
        return true;
    case 'r':
        settings->seed = number;
        return true;
    default:
        settings->steps = number;
        return true;
    }
}

/* Exits unless the command line makes sense. */
static struct settings settings_from(int argc, char **argv)
{
    static const struct option options[] = {
        {"buckets", required_argument, NULL, 'b'}, {"bytes", required_argument, NULL, 'n'},
        {"columns", required_argument, NULL, 'c'}, {"help", no_argument, NULL, 'h'},
        {"largest", required_argument, NULL, 'l'}, {"seed", required_argument, NULL, 'r'},
        {"steps", required_argument, NULL, 'p'},   {"svg", required_argument, NULL, 's'},
        {"text", no_argument, NULL, 't'},          {NULL, 0, NULL, 0},
    };
    struct settings settings = {.bytes = 4096, .steps = 1000, .seed = 1};
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'h') {
            fputs(usage, stdout);
            exit(0);
        }
        if (option == '?' || !take_option(&settings, option, optarg)) {
            fputs(usage, stderr);
            exit(2);
        }
    }
    if (optind != argc) {
        fputs(usage, stderr);
        exit(2);
    }
    if (settings.largest == 0) {
        settings.largest = settings.bytes / 32;
    }
    settings.largest = settings.largest < 16 ? 16 : settings.largest;
    return settings;
}

/* Uniform in 0 .. limit - 1 (xorshift64*, good enough for a picture). */
static size_t random_below(struct load *load, size_t limit)
{
    load->random ^= load->random >> 12;
    load->random ^= load->random << 25;
    load->random ^= load->random >> 27;
    return (size_t)((load->random * 0x2545f4914f6cdd1du >> 32) % limit);
}

static size_t random_size(struct load *load, size_t largest)
{
    size_t bits = 0;

    while (largest >> bits > 15) {
        bits++;
    }
    size_t base = (size_t)8 << random_below(load, bits);
    size_t bytes = base + random_below(load, base);
    return bytes > largest ? largest : bytes;
}

static void allocate(struct load *load, size_t bytes)
{
    void *mem = sys_heap_alloc(&load->heap, bytes);

    if (mem != NULL) {
        load->blocks[load->count++] = (struct block){mem, bytes};
        load->live_bytes += bytes;
    }
}

static void release(struct load *load, size_t index)
{
    struct block block = load->blocks[index];

    load->blocks[index] = load->blocks[--load->count];
    load->live_bytes -= block.bytes;
    sys_heap_free(&load->heap, block.mem);
}

static void run(struct load *load, const struct settings *settings)
{
    bool rising = true;

    for (size_t step = 0; step < settings->steps; step++) {
        size_t chances_to_free = rising ? 1 : 2; /* in three */

        if (load->live_bytes > settings->bytes / 8 * 5) {
            rising = false;
        } else if (load->live_bytes < settings->bytes / 8 * 3) {
            rising = true;
        }
        if (load->count > 0 && random_below(load, 3) < chances_to_free) {
            release(load, random_below(load, load->count));
        } else {
            allocate(load, random_size(load, settings->largest));
        }
    }
}

static int draw(struct sys_heap *heap, const struct settings *settings)
{
    if (settings->svg == NULL) {
        return quarry_heap_draw_text(stdout, heap, settings->columns);
    }
    FILE *out = fopen(settings->svg, "w");
    if (out == NULL) {
        return -errno;
    }
    int result = quarry_heap_draw_svg(out, heap);
    return fclose(out) != 0 && result == 0 ? -EIO : result;
}

int main(int argc, char **argv)
{
    struct settings settings = settings_from(argc, argv);
    struct load load = {.random = settings.seed * 2 + 1};
    void *buffer = malloc(settings.bytes);

    load.blocks =
        (struct block *)calloc(settings.bytes / BYTES_PER_BLOCK + 1, sizeof(*load.blocks));
    if (buffer == NULL || load.blocks == NULL) {
        fputs("draw_heap: no memory\n", stderr);
        return 1;
    }
    quarry_heap_init(&load.heap, buffer, settings.bytes, settings.buckets);
    if (load.heap.heap == NULL) {
        fputs("draw_heap: this size makes no heap\n", stderr);
        return 1;
    }
    run(&load, &settings);
    int result = draw(&load.heap, &settings);
    if (result != 0) {
        fprintf(stderr, "draw_heap: %s\n", strerror(-result));
    }
    free(load.blocks);
    free(buffer);
    return result == 0 ? 0 : 1;
}
