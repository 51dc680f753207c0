/* SPDX-License-Identifier: Apache-2.0 */
/* quarry_heap_draw_text and quarry_heap_draw_svg: maps compared with ones painted here byte by byte
 * from a snapshot, and what goes wrong around them. That the images are XML: tests/conformance. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <quarry/heap_snapshot.h>
#include <zephyr/sys/sys_heap.h>
#include "../support/fake_os.h"
#include "../support/random.h"

#define SMALL_BYTES   400u
#define MEDIUM_BYTES  (64u * 1024u)
#define LARGE_BYTES   (48u * 1024u * 1024u)
#define MOST_CHUNKS   (MEDIUM_BYTES / 8u)
#define MOST_ROWS     16u
#define LABEL_COLUMNS 12u
#define IMAGE_LIMIT   1000000u

static char *buffer;
static struct sys_heap heap;
/* The last picture. */
static char *picture;
static size_t picture_bytes;

static void make_heap(size_t bytes)
{
    buffer = (char *)malloc(bytes);
    assert_non_null(buffer);
    sys_heap_init(&heap, buffer, bytes);
    assert_non_null(heap.heap);
}

static int small_heap(void **state)
{
    (void)state;
    fake_os_reset();
    make_heap(SMALL_BYTES);
    return 0;
}

static int medium_heap(void **state)
{
    struct random random = random_from(3);
    void *blocks[256] = {NULL};

    (void)state;
    fake_os_reset();
    make_heap(MEDIUM_BYTES);
    for (size_t round = 0; round < 2000; round++) {
        void **block = &blocks[random_below(&random, 256)];

        sys_heap_free(&heap, *block);
        *block = sys_heap_alloc(&heap, random_log_uniform(&random, 1000));
    }
    return 0;
}

static int end_heap(void **state)
{
    (void)state;
    free(picture);
    picture = NULL;
    free(buffer);
    return 0;
}

/* Draws text of so many columns, or an image if there are none to be. */
#define IMAGE UINT32_MAX
static int draw_on(FILE *out, unsigned int columns)
{
    return columns == IMAGE ? quarry_heap_draw_svg(out, &heap)
                            : quarry_heap_draw_text(out, &heap, columns);
}

static int draw(unsigned int columns)
{
    free(picture);
    FILE *out = open_memstream(&picture, &picture_bytes);
    assert_non_null(out);
    size_t usable_bytes = fake_os_usable_bytes();
    int result = draw_on(out, columns);
    assert_int_equal(fake_os_usable_bytes(), usable_bytes);
    assert_int_equal(fclose(out), 0);
    return result;
}

static size_t occurrences(const char *word)
{
    size_t count = 0;

    for (const char *at = strstr(picture, word); at != NULL; at = strstr(at + 1, word)) {
        count++;
    }
    return count;
}

/* Checks the form of a text picture and copies its map, without labels, to `map`: `cells` of it. */
static void read_map(char *map, size_t cells, size_t row_cells)
{
    const char *line = strchr(strstr(picture, "+0x0"), '\n') + 1;
    size_t rows = (cells + row_cells - 1) / row_cells;

    assert_in_range(rows, 1, MOST_ROWS);
    for (size_t row = 0; row < rows; row++) {
        size_t length = (size_t)(strchr(line, '\n') - line);
        size_t wanted = row + 1 < rows ? row_cells : cells - row * row_cells;

        assert_int_equal(length, LABEL_COLUMNS + wanted);
        assert_int_equal(line[LABEL_COLUMNS - 1], ' ');
        memcpy(map + row * row_cells, line + LABEL_COLUMNS, wanted);
        line += length + 1;
    }
    assert_int_equal(*line, '\n');
    for (size_t i = 0; i < picture_bytes; i++) {
        assert_true(picture[i] == '\n' || (picture[i] >= ' ' && picture[i] <= '~'));
    }
}

/* The kind of every byte of the heap, bytes at which a chunk begins marked. Returns their number.
 */
#define BEGINS 0x80u
static size_t paint(unsigned char *kinds)
{
    static struct quarry_heap_chunk chunks[MOST_CHUNKS];
    size_t count = quarry_heap_snapshot(&heap, chunks, MOST_CHUNKS);
    size_t bytes = 0;

    assert_in_range(count, 3, MOST_CHUNKS);
    for (size_t i = 0; i < count; i++) {
        memset(kinds + bytes, (int)chunks[i].kind, chunks[i].size_bytes);
        kinds[bytes] |= BEGINS;
        bytes += chunks[i].size_bytes;
    }
    return bytes;
}

static void a_small_heap_is_drawn_chunk_by_chunk(void **state)
{
    static const char glyphs[] = {'=', '#', '.', 'x', '='};
    unsigned char kinds[SMALL_BYTES];
    char map[SMALL_BYTES / 8];

    (void)state;
    void *a = sys_heap_alloc(&heap, 24);
    assert_non_null(sys_heap_alloc(&heap, 1));
    void *b = sys_heap_alloc(&heap, 60);
    assert_non_null(sys_heap_alloc(&heap, 16));
    sys_heap_free(&heap, a);
    sys_heap_free(&heap, b);
    assert_ptr_equal(sys_heap_alloc(&heap, 16), a);
    assert_in_range(paint(kinds), SMALL_BYTES - 4, SMALL_BYTES);
    assert_int_equal(draw(0), 0);
    assert_non_null(strstr(picture, ": 8 B to a character, 512 B to a row\n"));
    read_map(map, sizeof map, 64);
    for (size_t cell = 0; cell < sizeof map; cell++) {
        unsigned char kind = kinds[cell * 8];
        char wanted = glyphs[kind & ~BEGINS];

        if (kind == (QUARRY_HEAP_CHUNK_USED | BEGINS)) {
            wanted = '[';
        } else if (kind == (QUARRY_HEAP_CHUNK_FREE | BEGINS)) {
            wanted = '(';
        }
        assert_int_equal(map[cell], wanted);
    }
}

static void a_larger_heap_is_drawn_by_shares(void **state)
{
    static unsigned char kinds[MEDIUM_BYTES];
    static char map[1024];
    const size_t cell_bytes = MEDIUM_BYTES / sizeof map;

    (void)state;
    size_t heap_bytes = paint(kinds);
    assert_in_range(heap_bytes, MEDIUM_BYTES - 4, MEDIUM_BYTES);
    assert_int_equal(draw(80), 0);
    assert_memory_equal(picture, "heap of ", 8);
    assert_non_null(strstr(picture, ": 64 B to a character, 4096 B to a row\n"));
    read_map(map, sizeof map, 64);
    for (size_t cell = 0; cell < sizeof map; cell++) {
        size_t end = (cell + 1) * cell_bytes < heap_bytes ? (cell + 1) * cell_bytes : heap_bytes;
        size_t bytes = end - cell * cell_bytes;
        size_t used = 0;
        size_t bookkeeping = 0;

        for (size_t byte = cell * cell_bytes; byte < end; byte++) {
            used += (kinds[byte] & ~BEGINS) == QUARRY_HEAP_CHUNK_USED;
            bookkeeping += (kinds[byte] & ~BEGINS) == QUARRY_HEAP_CHUNK_BOOKKEEPING;
        }
        if (bookkeeping * 2 >= bytes) {
            assert_int_equal(map[cell], '=');
        } else if (used == 0 || used == bytes) {
            assert_int_equal(map[cell], used == 0 ? '.' : '#');
        } else {
            size_t tenths = used * 10 / bytes;
            assert_int_equal(map[cell], '0' + (int)(tenths == 0 ? 1 : tenths));
        }
    }
}

static void columns_are_rounded_down_to_a_map(void **state)
{
    static const struct {
        unsigned int columns;
        size_t cells;
    } table[] = {
        {0, 64},      {1, 16},
        {28, 16},     {43, 16},
        {44, 32},     {75, 32},
        {76, 64},     {80, 64},
        {139, 64},    {140, 128},
        {1035, 512},  {1036, 1024},
        {9999, 1024}, {UINT32_MAX - 1, 1024},
    };
    static char map[MOST_ROWS * 1024];

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        size_t cell_bytes = 8;

        while (MEDIUM_BYTES / cell_bytes > table[i].cells * MOST_ROWS) {
            cell_bytes *= 2;
        }
        assert_int_equal(draw(table[i].columns), 0);
        read_map(map, MEDIUM_BYTES / cell_bytes, table[i].cells);
    }
}

static void the_summary_is_the_report(void **state)
{
    struct quarry_heap_report report;
    char line[128];

    (void)state;
    assert_int_equal(quarry_heap_report_get(&heap, &report), 0);
    assert_int_equal(draw(80), 0);
    snprintf(line, sizeof line, "\nused blocks %14zu ", report.used_blocks);
    assert_non_null(strstr(picture, line));
    snprintf(line, sizeof line, "fragmentation %u.%u %%\n", report.fragmentation_permille / 10,
             report.fragmentation_permille % 10);
    assert_non_null(strstr(picture, line));
    snprintf(line, sizeof line, "largest free chunk %zu B,", report.largest_free_bytes);
    assert_true(report.largest_free_bytes > 9999 || strstr(picture, line) != NULL);
}

static void an_image_tells_every_chunk(void **state)
{
    struct quarry_heap_chunk chunks[SMALL_BYTES / 8];
    char title[64];

    (void)state;
    void *a = sys_heap_alloc(&heap, 24);
    assert_non_null(sys_heap_alloc(&heap, 1));
    sys_heap_free(&heap, a);
    size_t count = quarry_heap_snapshot(&heap, chunks, SMALL_BYTES / 8);
    assert_int_equal(draw(IMAGE), 0);
    assert_memory_equal(picture, "<svg ", 5);
    assert_string_equal(picture + picture_bytes - 7, "</svg>\n");
    /* 256 bytes to a row: the large free chunk at the end is in two. */
    assert_int_equal(occurrences("<title>"), count + 1);
    for (size_t i = 0; i < count; i++) {
        snprintf(title, sizeof title, ", 0x%zx, %zu B", chunks[i].offset_bytes,
                 chunks[i].size_bytes);
        assert_non_null(strstr(picture, title));
    }
}

static void equal_heaps_give_equal_pictures(void **state)
{
    const unsigned int kinds[] = {80, IMAGE};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(draw(kinds[i]), 0);
        char *first = picture;
        picture = NULL;
        assert_int_equal(draw(kinds[i]), 0);
        assert_string_equal(picture, first);
        free(first);
    }
}

/* Pairs of a chunk just wide enough to be drawn alone and of two small ones, in as many rows as
 * there may be: nothing makes a larger image. */
static void the_largest_image_is_below_a_megabyte(void **state)
{
    const size_t row_bytes = LARGE_BYTES / 24;
    const size_t wide_bytes = row_bytes * 10 / 832 + 64;
    size_t pairs = 0;

    (void)state;
    fake_os_reset();
    make_heap(LARGE_BYTES);
    while (sys_heap_alloc(&heap, wide_bytes) != NULL) {
        sys_heap_alloc(&heap, 16);
        sys_heap_alloc(&heap, 16);
        pairs++;
    }
    assert_true(pairs > 1900);
    assert_int_equal(draw(IMAGE), 0);
    assert_int_equal(occurrences("<g transform"), 24);
    assert_true(occurrences("<g><title>") > 1900);
    assert_true(picture_bytes < IMAGE_LIMIT);
    assert_int_equal(draw(80), 0);
    assert_true(picture_bytes < 2000);
}

static void what_cannot_be_drawn_is_refused(void **state)
{
    struct sys_heap none = {.heap = NULL};
    void *block = sys_heap_alloc(&heap, 24);

    (void)state;
    assert_int_equal(quarry_heap_draw_text(NULL, &heap, 80), -EINVAL);
    assert_int_equal(quarry_heap_draw_svg(NULL, &heap), -EINVAL);
    assert_int_equal(quarry_heap_draw_text(stdout, NULL, 80), -EINVAL);
    assert_int_equal(quarry_heap_draw_svg(stdout, NULL), -EINVAL);
    assert_int_equal(quarry_heap_draw_text(stdout, &none, 80), -EINVAL);
    assert_int_equal(quarry_heap_draw_svg(stdout, &none), -EINVAL);
    memset((char *)block - 4, 0xff, 4);
    assert_int_equal(draw(80), -EINVAL);
    assert_int_equal(picture_bytes, 0);
    assert_int_equal(draw(IMAGE), -EINVAL);
    assert_int_equal(picture_bytes, 0);
}

static void no_memory_is_said(void **state)
{
    (void)state;
    fake_os_fail_nth(FAKE_OS_MAP, 1);
    assert_int_equal(draw(80), -ENOMEM);
    assert_int_equal(picture_bytes, 0);
    fake_os_fail_nth(FAKE_OS_MAP, 1);
    assert_int_equal(draw(IMAGE), -ENOMEM);
    assert_int_equal(picture_bytes, 0);
}

static void what_cannot_be_written_is_said(void **state)
{
    FILE *full = fopen("/dev/full", "w");

    (void)state;
    assert_non_null(full);
    assert_int_equal(draw_on(full, 80), -EIO);
    assert_int_equal(draw_on(full, IMAGE), -EIO);
    fclose(full);
}

/* A stream that changes the heap whenever it is written to. */
struct eater {
    size_t blocks;
    void *block;
    char *text;
    size_t bytes;
};

static ssize_t eat(void *cookie, const char *text, size_t bytes)
{
    struct eater *eater = (struct eater *)cookie;

    sys_heap_free(&heap, eater->block);
    eater->block = sys_heap_alloc(&heap, 1 + eater->blocks % 64);
    eater->blocks += eater->block != NULL;
    eater->text = (char *)realloc(eater->text, eater->bytes + bytes + 1);
    memcpy(eater->text + eater->bytes, text, bytes);
    eater->bytes += bytes;
    eater->text[eater->bytes] = '\0';
    return (ssize_t)bytes;
}

static void the_stream_may_use_the_heap(void **state)
{
    const unsigned int kinds[] = {80, IMAGE};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct eater eater = {.blocks = 0};
        FILE *out = fopencookie(&eater, "w", (cookie_io_functions_t){.write = eat});

        assert_non_null(out);
        setvbuf(out, NULL, _IONBF, 0);
        assert_int_equal(draw(kinds[i]), 0);
        assert_int_equal(draw_on(out, kinds[i]), 0);
        assert_string_equal(eater.text, picture);
        assert_true(eater.blocks > 1);
        sys_heap_free(&heap, eater.block);
        fclose(out);
        free(eater.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_small_heap_is_drawn_chunk_by_chunk, small_heap, end_heap),
        cmocka_unit_test_setup_teardown(a_larger_heap_is_drawn_by_shares, medium_heap, end_heap),
        cmocka_unit_test_setup_teardown(columns_are_rounded_down_to_a_map, medium_heap, end_heap),
        cmocka_unit_test_setup_teardown(the_summary_is_the_report, medium_heap, end_heap),
        cmocka_unit_test_setup_teardown(an_image_tells_every_chunk, small_heap, end_heap),
        cmocka_unit_test_setup_teardown(equal_heaps_give_equal_pictures, medium_heap, end_heap),
        cmocka_unit_test_teardown(the_largest_image_is_below_a_megabyte, end_heap),
        cmocka_unit_test_setup_teardown(what_cannot_be_drawn_is_refused, small_heap, end_heap),
        cmocka_unit_test_setup_teardown(no_memory_is_said, small_heap, end_heap),
        cmocka_unit_test_setup_teardown(what_cannot_be_written_is_said, medium_heap, end_heap),
        cmocka_unit_test_setup_teardown(the_stream_may_use_the_heap, medium_heap, end_heap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
