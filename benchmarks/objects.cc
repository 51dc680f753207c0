/* SPDX-License-Identifier: Apache-2.0 */
/* Zephyr's objects as a user of the library links them, beside what one would take under Linux
 * instead: how many pairs of calls one to eight threads get done together.
 *
 *   objects [--quick] [Google Benchmark's options]
 *
 * The objects are in objects_zephyr.cc, their rivals in objects_rivals.cc, objects_boost.cc and
 * objects_dpdk.cc; team.h and loads.h say what is done with them and how it is measured. Blocks are
 * checked, times are not: nothing fails, whatever is measured. */
#include "objects.h"

#include <cstdio>
#include "program.h"
#include "provenance.h"

namespace
{

constexpr effort thorough = {9, 0, 100, 20, 0, 0};
constexpr effort quick = {3, 0, 30, 10, 0, 0};

} // namespace

int main(int argc, char **argv)
{
    const effort &effort = take_quick(argc, argv) ? quick : thorough;
    rows of_64, of_any_size;

    initialize(argc, argv);
    print_provenance(effort);
    add_zephyr(of_64, of_any_size);
    add_rivals(of_64, of_any_size);
    add_boost(of_64);
    add_dpdk(of_64);
    measure_table("one block of 64 bytes, where nothing else is said", of_64, effort);
    measure_table("16 to 512 bytes, of which each thread holds 16 blocks", of_any_size, effort);
    return EXIT_SUCCESS;
}
