// SPDX-License-Identifier: Apache-2.0
// Every form of operator new gives a block that every fitting form of operator delete takes,
// aligned as it was asked for; no byte stays live.
#include <cstring>
#include <new>

#include "../memory_use.h"

static void *expect_block(void *block, std::size_t bytes, std::size_t alignment)
{
    EXPECT(block != nullptr && is_aligned(block, alignment) && malloc_usable_size(block) >= bytes);
    std::memset(block, 1, bytes);
    return block;
}

static void use_plain_forms(std::size_t n)
{
    in_case("plain", n);
    ::operator delete(expect_block(::operator new(n), n, 16));
    ::operator delete(expect_block(::operator new(n), n, 16), n);
    ::operator delete(expect_block(::operator new(n), n, 16), std::nothrow);
    ::operator delete(expect_block(::operator new(n, std::nothrow), n, 16));
    ::operator delete[](expect_block(::operator new[](n), n, 16));
    ::operator delete[](expect_block(::operator new[](n), n, 16), n);
    ::operator delete[](expect_block(::operator new[](n), n, 16), std::nothrow);
    ::operator delete[](expect_block(::operator new[](n, std::nothrow), n, 16));
}

static void use_aligned_forms(std::size_t n, std::size_t alignment)
{
    const std::align_val_t a{alignment};
    in_case("aligned", alignment);
    ::operator delete(expect_block(::operator new(n, a), n, alignment), a);
    ::operator delete(expect_block(::operator new(n, a), n, alignment), n, a);
    ::operator delete(expect_block(::operator new(n, a), n, alignment), a, std::nothrow);
    ::operator delete(expect_block(::operator new(n, a, std::nothrow), n, alignment), a);
    ::operator delete[](expect_block(::operator new[](n, a), n, alignment), a);
    ::operator delete[](expect_block(::operator new[](n, a), n, alignment), n, a);
    ::operator delete[](expect_block(::operator new[](n, a), n, alignment), a, std::nothrow);
    ::operator delete[](expect_block(::operator new[](n, a, std::nothrow), n, alignment), a);
}

static void test(char **)
{
    ::operator delete(nullptr);
    ::operator delete[](nullptr, std::size_t{10});
    ::operator delete (nullptr, std::align_val_t{64});
    const std::size_t before = live_bytes();
    for (std::size_t n = 0; n < 4 * MIB; n += 1 + n / 3) {
        use_plain_forms(n);
        for (std::size_t alignment = 16; alignment <= 64 * KIB; alignment *= 4) {
            use_aligned_forms(n, alignment);
        }
    }
    EXPECT(any_malloc_will_do() || live_bytes() == before);
}
