// SPDX-License-Identifier: Apache-2.0
// Destructors of C++ thread-local objects may allocate and free, also blocks of other threads;
// thousands of such threads leave nothing behind.
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "../memory_use.h"

struct keeper {
    std::vector<std::unique_ptr<std::string>> texts;

    ~keeper()
    {
        for (int i = 0; i < 20; i++) {
            texts.push_back(std::make_unique<std::string>(300, 'd'));
        }
        texts.resize(5);
    }
};

static thread_local keeper first;
static thread_local keeper second;

static void run_threads(int count)
{
    for (int i = 0; i < count; i++) {
        auto passed = std::make_unique<std::string>(1000, 'p');
        std::thread thread([&passed] {
            first.texts.push_back(std::move(passed));
            second.texts.push_back(std::make_unique<std::string>(100, 's'));
        });
        thread.join();
    }
}

static void test(char **)
{
    run_threads(100);
    const std::size_t live = live_bytes();
    const std::size_t resident = resident_bytes();
    run_threads(1500);
    EXPECT(live_bytes() <= live + 16 * KIB);
    EXPECT(resident_bytes() < resident + resident / 2 + MIB);
}
