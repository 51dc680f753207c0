// SPDX-License-Identifier: Apache-2.0
// What a new-handler throws comes out of new; out of the nothrow forms a null pointer comes
// instead.
#include <new>

#include "../expect.h"

struct own_failure : std::bad_alloc {
};

static void handle()
{
    throw own_failure();
}

static void test(char **)
{
    bool caught = false;
    std::set_new_handler(handle);
    try {
        ::operator delete(::operator new(hidden_size(PTRDIFF_MAX)));
    } catch (const own_failure &) {
        caught = true;
    }
    EXPECT(caught);
    EXPECT(::operator new(hidden_size(PTRDIFF_MAX), std::nothrow) == nullptr);
    EXPECT(::operator new[](hidden_size(PTRDIFF_MAX), std::nothrow) == nullptr);
}
