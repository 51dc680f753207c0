/* SPDX-License-Identifier: Apache-2.0 */
#include "provenance.h"

#include <cstdio>
#include <fstream>
#include <string>
#include <sys/utsname.h>
#include <unistd.h>
#include "commit.h"

namespace
{

std::string processor_model()
{
    std::ifstream info("/proc/cpuinfo");
    std::string line;

    while (std::getline(info, line)) {
        const std::size_t colon = line.find(": ");
        if (line.compare(0, 10, "model name") == 0 && colon != std::string::npos) {
            return line.substr(colon + 2);
        }
    }
    return "processor of unknown model";
}

} // namespace

void print_provenance(const effort &effort)
{
    utsname system;

    uname(&system);
    std::printf("%s, %ld processors, %s %s %s, compiler %s, commit %s\n", processor_model().c_str(),
                sysconf(_SC_NPROCESSORS_ONLN), system.sysname, system.release, system.machine,
                __VERSION__, QUARRY_COMMIT);
    std::printf("medians of %d repetitions, interleaved at random\n", effort.repetitions);
    std::fflush(stdout);
}
