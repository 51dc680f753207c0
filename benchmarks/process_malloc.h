/* SPDX-License-Identifier: Apache-2.0 */
/* malloc, whoever's it is in this process: that of the C library, or of what is preloaded. */
#ifndef QUARRY_BENCHMARKS_PROCESS_MALLOC_H
#define QUARRY_BENCHMARKS_PROCESS_MALLOC_H

#include <cstdlib>
#include <string>
#include <dlfcn.h>

class process_heap
{
  public:
    void *take(std::size_t bytes)
    {
        return std::malloc(bytes);
    }

    void give(void *block, std::size_t)
    {
        std::free(block);
    }
};

/* The file that malloc is in. LD_PRELOAD might name one that could not be loaded. */
inline std::string malloc_name()
{
    Dl_info where;
    void *address = dlsym(RTLD_DEFAULT, "malloc");

    if (address == nullptr || dladdr(address, &where) == 0) {
        return "of unknown origin";
    }
    const std::string path = where.dli_fname;
    const std::string file = path.substr(path.rfind('/') + 1);
    return file == "libc.so.6" ? "glibc" : file;
}

#endif
