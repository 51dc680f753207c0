/* SPDX-License-Identifier: Apache-2.0 */
/* What POSIX and the C++ library offer in the place of Zephyr's objects. */
#include <memory_resource>
#include "loads.h"
#include "objects.h"
#include "process_malloc.h"

namespace
{

/* Pools of blocks of several sizes, behind one lock. */
class pool_resource
{
  public:
    void *take(std::size_t bytes)
    {
        return resource.allocate(bytes);
    }

    void give(void *block, std::size_t bytes)
    {
        resource.deallocate(block, bytes);
    }

  private:
    std::pmr::synchronized_pool_resource resource;
};

} // namespace

void add_rivals(rows &of_64, rows &of_any_size)
{
    const std::string malloc = "malloc, " + malloc_name();
    const std::string resource = "std::pmr::synchronized_pool_resource";

    of_64.push_back(row_of<one_of_64, textbook_pool>("mutex, list"));
    of_64.push_back(row_of<eight_at_once, textbook_pool>("mutex, list, 8 at once"));
    of_64.push_back(row_of<one_of_64, semaphore_pool>("semaphore, mutex, list"));
    of_64.push_back(row_of<one_of_64, blocks_of<process_heap>>(malloc));
    of_64.push_back(row_of<one_of_64, blocks_of<pool_resource>>(resource));
    of_any_size.push_back(row_of<one_of_16_held, process_heap>(malloc));
    of_any_size.push_back(row_of<one_of_16_held, pool_resource>(resource));
}
