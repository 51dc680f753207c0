// SPDX-License-Identifier: Apache-2.0
// A C++ library that a program opens without making its names, or those of the C++ runtime, global.
#include <new>
#include <vector>

extern "C" int catch_bad_alloc(std::size_t impossible_bytes);

// 1 iff a new of that many bytes throws std::bad_alloc, and what was made before is freed.
extern "C" int catch_bad_alloc(std::size_t impossible_bytes)
{
    try {
        std::vector<std::vector<char>> blocks(10, std::vector<char>(1000));
        blocks.emplace_back(impossible_bytes);
    } catch (const std::bad_alloc &) {
        return 1;
    }
    return 0;
}
