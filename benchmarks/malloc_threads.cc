/* SPDX-License-Identifier: Apache-2.0 */
/* malloc and free by one to eight threads, under whichever allocator is preloaded:
 *
 *   LD_PRELOAD=.../libquarry-malloc.so malloc_threads [--quick] [Google Benchmark's options]
 *
 * Not linked with Quarry. The same two loads as in `objects`: team.h and loads.h say what they are
 * and how they are measured. */
#include <cstdio>
#include "loads.h"
#include "process_malloc.h"
#include "program.h"
#include "provenance.h"
#include "table.h"

namespace
{

constexpr effort thorough = {21, 0, 100, 20, 0, 0};
constexpr effort quick = {5, 0, 30, 10, 0, 0};

} // namespace

int main(int argc, char **argv)
{
    const effort &effort = take_quick(argc, argv) ? quick : thorough;
    const std::string name = "malloc, " + malloc_name();

    initialize(argc, argv);
    print_provenance(effort);
    measure_table("one block of 64 bytes", {row_of<one_of_64, blocks_of<process_heap>>(name)},
                  effort);
    measure_table("16 to 512 bytes, of which each thread holds 16 blocks",
                  {row_of<one_of_16_held, process_heap>(name)}, effort);
    return EXIT_SUCCESS;
}
