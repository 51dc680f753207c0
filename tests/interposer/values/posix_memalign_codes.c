/* SPDX-License-Identifier: Apache-2.0 */
/* posix_memalign refuses an alignment that is no power of two or no multiple of a pointer with
 * EINVAL, a size that cannot be had with ENOMEM, and on failure leaves the pointer as it was. */
#include "../expect.h"

static void expect_code(int code, size_t alignment, size_t bytes)
{
    int sentinel = 0;
    void *block = &sentinel;
    in_case("alignment", alignment);
    EXPECT(posix_memalign(&block, hidden_size(alignment), hidden_size(bytes)) == code);
    EXPECT(code == 0 ? block != &sentinel && is_aligned(block, alignment) : block == &sentinel);
    if (code == 0) {
        free(block);
    }
}

static void test(char **argv)
{
    const size_t invalid[] = {0, 1, 2, 3, 4, 7, 9, 12, 24, 33, 48, 100, 4095, 4104, SIZE_MAX};
    for (size_t i = 0; i < sizeof(invalid) / sizeof(invalid[0]); i++) {
        expect_code(EINVAL, invalid[i], 10);
        expect_code(EINVAL, invalid[i], 0);
        expect_code(EINVAL, invalid[i], 5 * MIB);
    }
    for (size_t alignment = 8; alignment <= MIB; alignment *= 2) {
        expect_code(0, alignment, 10);
        expect_code(0, alignment, 0);
        expect_code(ENOMEM, alignment, SIZE_MAX);
        expect_code(ENOMEM, alignment, SIZE_MAX - alignment);
        expect_code(ENOMEM, alignment, (size_t)PTRDIFF_MAX + 1);
    }
    expect_code(ENOMEM, SIZE_MAX / 2 + 1, 1);
    expect_code(ENOMEM, SIZE_MAX / 2 + 1, SIZE_MAX / 2 + 1);
}
