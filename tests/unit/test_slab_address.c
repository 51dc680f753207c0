/* SPDX-License-Identifier: Apache-2.0 */
/* Which block of a slab an address is, for any distance from its buffer: both ways to find out
 * agree with a division. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "core/slab.h"
#include "../support/random.h"

#define BLOCKS 8u

static struct k_mem_slab_info info_of(size_t block_size, uint32_t num_blocks)
{
    return (struct k_mem_slab_info){.block_size = block_size,
                                    .reciprocal = UINT64_MAX / block_size + 1,
                                    .num_blocks = num_blocks};
}

static uint32_t block_by_division(const struct k_mem_slab_info *slab, size_t offset)
{
    if (offset % slab->block_size != 0 || offset / slab->block_size >= slab->num_blocks) {
        return SLAB_NO_BLOCK;
    }
    return (uint32_t)(offset / slab->block_size);
}

static void expect_block_of(const struct k_mem_slab_info *slab, size_t offset)
{
    uint32_t block = block_by_division(slab, offset);

    if (slab_find_block(slab, offset) != block || slab_block_of(slab, offset) != block) {
        print_error("block size %zu, offset %zu\n", slab->block_size, offset);
        fail();
    }
}

static const size_t sizes[] = {8, 24, 40, 400, 4096 + 8, 65536, (size_t)3 << 28};

static void every_offset_has_its_block(void **state)
{
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct k_mem_slab_info slab = info_of(sizes[i], BLOCKS);

        for (size_t offset = 0; offset < 100000; offset++) {
            expect_block_of(&slab, offset);
        }
    }
}

/* Around each of them, and around the end of the last block and of the address space. */
static void expect_block_around(const struct k_mem_slab_info *slab, size_t offset)
{
    for (size_t i = 0; i <= 128; i++) {
        expect_block_of(slab, offset - 64 + i);
    }
}

static void huge_offsets_have_their_block(void **state)
{
    static const uint32_t counts[] = {1, BLOCKS, UINT32_MAX / 2, SLAB_MAX_BLOCKS};

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        for (size_t j = 0; j < sizeof(counts) / sizeof(counts[0]); j++) {
            struct k_mem_slab_info slab = info_of(sizes[i], counts[j]);

            expect_block_around(&slab, 0); /* on both sides: SIZE_MAX */
            expect_block_around(&slab, sizes[i] * counts[j]);
            expect_block_around(&slab, sizes[i] * (counts[j] - 1));
            expect_block_around(&slab, SIZE_MAX / 2);
            expect_block_around(&slab, SIZE_MAX / sizes[i] * sizes[i]);
            for (size_t bit = 0; bit < sizeof(size_t) * 8; bit++) {
                expect_block_around(&slab, (size_t)1 << bit);
                expect_block_around(&slab, ((size_t)1 << bit) * sizes[i]);
            }
        }
    }
}

static void blocks_may_be_as_large_as_the_address_space(void **state)
{
    static const size_t large[] = {SIZE_MAX / 2 + 1, SIZE_MAX - 7, (SIZE_MAX / 3) & ~(size_t)7};

    for (size_t i = 0; i < sizeof(large) / sizeof(large[0]); i++) {
        struct k_mem_slab_info slab = info_of(large[i], (uint32_t)(SIZE_MAX / large[i]));

        expect_block_around(&slab, 0);
        expect_block_around(&slab, large[i]);
        expect_block_around(&slab, large[i] * 2);
        expect_block_around(&slab, large[i] * 3);
    }
}

static void random_offsets_have_their_block(void **state)
{
    struct random random = random_from(1);

    for (size_t i = scaled_rounds(1000000); i > 0; i--) {
        size_t size = (random_log_uniform(&random, SIZE_MAX / 16) | 7) + 1;
        struct k_mem_slab_info slab =
            info_of(size, (uint32_t)random_log_uniform(&random, 1u << 31));

        expect_block_of(&slab, (size_t)random_next(&random));
        expect_block_of(&slab, size * (size_t)random_below(&random, slab.num_blocks));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_offset_has_its_block),
        cmocka_unit_test(huge_offsets_have_their_block),
        cmocka_unit_test(blocks_may_be_as_large_as_the_address_space),
        cmocka_unit_test(random_offsets_have_their_block),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
