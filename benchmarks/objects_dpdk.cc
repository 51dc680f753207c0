/* SPDX-License-Identifier: Apache-2.0 */
/* DPDK's pool of blocks, if its headers were there when this was built: a ring without a lock that
 * all threads share, and blocks of each thread at hand. Its environment runs without huge pages,
 * devices and privileges here. Threads must be registered with it: without that nothing is at hand
 * for them, and all their calls go to the ring. */
#include "objects.h"

#include <cstdio>

#if QUARRY_HAVE_DPDK

#include <pthread.h>
#include <sched.h>
#include <rte_eal.h>
#include <rte_lcore.h>
#include <rte_mempool.h>
#include "loads.h"

namespace
{

constexpr unsigned int at_hand = 32; // of each thread, and up to half as many more
constexpr unsigned int all_blocks = 1023;

/* The calling thread, from the construction to its end. */
struct registration {
    registration()
    {
        if (rte_thread_register() != 0) {
            fail("DPDK does not register a thread");
        }
    }

    ~registration()
    {
        rte_thread_unregister();
    }
};

[[gnu::noinline]] void register_thread()
{
    static thread_local const registration mine;

    benchmark::DoNotOptimize(&mine);
}

class dpdk_pool
{
  public:
    dpdk_pool()
        : pool(rte_mempool_create("blocks", all_blocks, block_bytes, at_hand, 0, nullptr, nullptr,
                                  nullptr, nullptr, SOCKET_ID_ANY, 0))
    {
        if (pool == nullptr) {
            fail("DPDK makes no pool");
        }
    }

    ~dpdk_pool()
    {
        rte_mempool_free(pool);
    }

    dpdk_pool(const dpdk_pool &) = delete;
    dpdk_pool &operator=(const dpdk_pool &) = delete;

    void *take()
    {
        void *block;

        if (rte_lcore_id() == LCORE_ID_ANY) {
            register_thread();
        }
        return rte_mempool_get(pool, &block) == 0 ? block : nullptr;
    }

    void give(void *block)
    {
        rte_mempool_put(pool, block);
    }

  private:
    rte_mempool *const pool;
};

/* It binds the main thread to one processor, which those that this one starts would inherit. */
bool start_environment()
{
    cpu_set_t usable;
    std::string place = "--lcores=0@" + std::to_string(sched_getcpu());
    std::string options[] = {"objects",
                             place,
                             "--no-huge",
                             "-m",
                             "16",
                             "--no-pci",
                             "--no-shconf",
                             "--no-telemetry",
                             "--log-level=error"};
    std::vector<char *> arguments;

    for (std::string &option : options) {
        arguments.push_back(option.data());
    }
    pthread_getaffinity_np(pthread_self(), sizeof(usable), &usable);
    const bool started = rte_eal_init(static_cast<int>(arguments.size()), arguments.data()) >= 0;
    pthread_setaffinity_np(pthread_self(), sizeof(usable), &usable);
    return started;
}

} // namespace

void add_dpdk(rows &of_64)
{
    if (!start_environment()) {
        std::printf("DPDK does not start: its pool is left out\n");
        return;
    }
    of_64.push_back(row_of<one_of_64, dpdk_pool>("DPDK's rte_mempool"));
}

#else

void add_dpdk(rows &)
{
    std::printf("built without DPDK: its pool is left out\n");
}

#endif
