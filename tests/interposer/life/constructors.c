/* SPDX-License-Identifier: Apache-2.0 */
/* Constructors of the program and of a library it is linked with may allocate, and what they made
 * lives on until destructors free it. */
#include "../blocks.h"
#include "../libraries/early_library.h"

static struct block blocks[3];
static uint32_t state = 3;

__attribute__((constructor(101))) static void first_constructor(void)
{
    block_allocate(&blocks[0], &state);
    block_allocate(&blocks[1], &state);
}

__attribute__((constructor)) static void last_constructor(void)
{
    block_free(&blocks[0]);
    block_allocate(&blocks[2], &state);
}

__attribute__((destructor)) static void destructor(void)
{
    block_free(&blocks[1]);
    block_allocate(&blocks[0], &state);
}

static void test(char **argv)
{
    EXPECT(early_library_is_intact());
    block_resize(&blocks[2], &state);
    block_free(&blocks[2]);
}
