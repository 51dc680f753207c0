// SPDX-License-Identifier: Apache-2.0
// A new that finds no memory calls the new-handler again and again until there is none, and then
// throws std::bad_alloc; the nothrow forms call it too and return a null pointer.
#include <new>

#include "../expect.h"

static int calls_left;

static void handle()
{
    calls_left--;
    if (calls_left == 0) {
        std::set_new_handler(nullptr);
    }
}

static void set_handler()
{
    calls_left = 3;
    std::set_new_handler(handle);
}

template <typename... Rest>
static void expect_throws(void *(*allocate)(std::size_t, Rest...), Rest... rest)
{
    bool thrown = false;
    set_handler();
    try {
        EXPECT(allocate(hidden_size(PTRDIFF_MAX), rest...) == nullptr);
    } catch (const std::bad_alloc &) {
        thrown = true;
    }
    EXPECT(thrown && calls_left == 0);
}

template <typename... Rest>
static void expect_null(void *(*allocate)(std::size_t, Rest...) noexcept, Rest... rest)
{
    set_handler();
    EXPECT(allocate(hidden_size(PTRDIFF_MAX), rest...) == nullptr && calls_left == 0);
}

static void test(char **)
{
    const std::align_val_t alignment{64};
    expect_throws<>(::operator new);
    expect_throws<>(::operator new[]);
    expect_throws<std::align_val_t>(::operator new, alignment);
    expect_throws<std::align_val_t>(::operator new[], alignment);
    expect_null<const std::nothrow_t &>(::operator new, std::nothrow);
    expect_null<const std::nothrow_t &>(::operator new[], std::nothrow);
    expect_null<std::align_val_t, const std::nothrow_t &>(::operator new, alignment, std::nothrow);
    expect_null<std::align_val_t, const std::nothrow_t &>(::operator new[], alignment,
                                                          std::nothrow);
}
