// SPDX-License-Identifier: Apache-2.0
// A new-handler that frees a reserve lets the new that called it succeed. The runner sets a limit.
#include <new>

#include "../expect.h"

static char *reserve;

static void give_reserve()
{
    EXPECT(reserve != nullptr);
    std::free(reserve);
    reserve = nullptr;
}

static void test(char **)
{
    const std::size_t bytes = 20 * MIB;
    void *blocks[100] = {};
    int count = 0;
    reserve = static_cast<char *>(std::malloc(2 * bytes));
    EXPECT(reserve != nullptr);
    std::set_new_handler(give_reserve);
    while (reserve != nullptr) {
        EXPECT(count < 100);
        blocks[count] = ::operator new(bytes);
        count++;
    }
    while (count > 0) {
        count--;
        ::operator delete(blocks[count]);
    }
}
