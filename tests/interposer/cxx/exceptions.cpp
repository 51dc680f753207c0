// SPDX-License-Identifier: Apache-2.0
// Exceptions, whose objects are allocated, can be thrown by many threads at once, when memory is
// short too.
#include <cstring>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "../expect.h"

static void throw_often()
{
    int caught = 0;
    for (int i = 0; i < 2000; i++) {
        try {
            throw std::runtime_error(std::string(static_cast<std::size_t>(i), 'x'));
        } catch (const std::runtime_error &error) {
            caught += std::strlen(error.what()) == static_cast<std::size_t>(i);
        }
        try {
            std::vector<char> impossible(hidden_size(PTRDIFF_MAX));
        } catch (const std::bad_alloc &) {
            caught++;
        }
    }
    EXPECT(caught == 4000);
}

static void test(char **)
{
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; i++) {
        threads.emplace_back(throw_often);
    }
    for (auto &thread : threads) {
        thread.join();
    }
}
