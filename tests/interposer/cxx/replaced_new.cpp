// SPDX-License-Identifier: Apache-2.0
// A program that replaces only the plain new and delete gets every other form that the standard
// builds upon them: the array, nothrow and sized forms reach the program's operators, not the
// allocator's.
#include <new>

#include "../expect.h"

// That the sized forms are left out is the point.
#if !defined(__clang__)
#pragma GCC diagnostic ignored "-Wsized-deallocation"
#endif

alignas(16) static char pool[64 * 1024];
static std::size_t pool_used;
static int news;
static int deletes;

void *operator new(std::size_t bytes)
{
    news++;
    void *block = pool + pool_used;
    pool_used += (bytes + 16) / 16 * 16;
    EXPECT(pool_used <= sizeof(pool));
    return block;
}

void operator delete(void *block) noexcept
{
    char *place = static_cast<char *>(block);
    EXPECT(place == nullptr || (place >= pool && place < pool + sizeof(pool)));
    deletes++;
}

static void expect_one_of_each(int line)
{
    in_case("line", static_cast<std::size_t>(line));
    EXPECT(news == 1 && deletes == 1);
    news = 0;
    deletes = 0;
}

static void test(char **)
{
    news = 0;
    deletes = 0;
    ::operator delete(::operator new(10));
    expect_one_of_each(__LINE__);
    ::operator delete (::operator new(10), std::size_t{10});
    expect_one_of_each(__LINE__);
    ::operator delete(::operator new(10, std::nothrow), std::nothrow);
    expect_one_of_each(__LINE__);
    ::operator delete[](::operator new[](10));
    expect_one_of_each(__LINE__);
    ::operator delete[](::operator new[](10), std::size_t{10});
    expect_one_of_each(__LINE__);
    ::operator delete[](::operator new[](10, std::nothrow), std::nothrow);
    expect_one_of_each(__LINE__);
    delete[] static_cast<int *>(hidden(new int[20]));
    expect_one_of_each(__LINE__);
}
