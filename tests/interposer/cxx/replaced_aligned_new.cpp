// SPDX-License-Identifier: Apache-2.0
// The same for the aligned forms: a program that replaces the plain aligned new and delete gets the
// aligned array, nothrow and sized forms through them.
#include <new>

#include "../expect.h"

// That the sized forms are left out is the point.
#if !defined(__clang__)
#pragma GCC diagnostic ignored "-Wsized-deallocation"
#endif

alignas(64) static char pool[64 * 1024];
static std::size_t pool_used;
static int news;
static int deletes;

void *operator new(std::size_t bytes, std::align_val_t alignment)
{
    EXPECT(static_cast<std::size_t>(alignment) == 64);
    news++;
    void *block = pool + pool_used;
    pool_used += (bytes + 64) / 64 * 64;
    EXPECT(pool_used <= sizeof(pool));
    return block;
}

void operator delete(void *block, std::align_val_t) noexcept
{
    char *place = static_cast<char *>(block);
    EXPECT(place >= pool && place < pool + sizeof(pool));
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
    const std::align_val_t a{64};
    ::operator delete(::operator new(10, a), a);
    expect_one_of_each(__LINE__);
    ::operator delete (::operator new(10, a), std::size_t{10}, a);
    expect_one_of_each(__LINE__);
    ::operator delete(::operator new(10, a, std::nothrow), a, std::nothrow);
    expect_one_of_each(__LINE__);
    ::operator delete[](::operator new[](10, a), a);
    expect_one_of_each(__LINE__);
    ::operator delete[](::operator new[](10, a), std::size_t{10}, a);
    expect_one_of_each(__LINE__);
    ::operator delete[](::operator new[](10, a, std::nothrow), a, std::nothrow);
    expect_one_of_each(__LINE__);
}
