// SPDX-License-Identifier: Apache-2.0
// new of 0 bytes gives different pointers, never a null pointer.
#include <new>

#include "../expect.h"

static void test(char **)
{
    void *first = ::operator new(hidden_size(0));
    void *second = ::operator new[](hidden_size(0));
    void *third = ::operator new(hidden_size(0), std::nothrow);
    void *fourth = ::operator new (hidden_size(0), std::align_val_t{128});
    EXPECT(first != nullptr && second != nullptr && third != nullptr && fourth != nullptr);
    EXPECT(first != second && second != third && third != fourth && first != third);
    ::operator delete(first);
    ::operator delete[](second);
    ::operator delete(third);
    ::operator delete (fourth, std::align_val_t{128});
}
