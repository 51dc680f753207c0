/* SPDX-License-Identifier: Apache-2.0 */
/* Where the running program's own variables are, by the program headers that the kernel has told
 * the process of. They lie side by side in memory that stays until the process ends; shared
 * libraries are not meant, which may be unloaded. */
#include "os/os.h"

#include <link.h>
#include <sys/auxv.h>

/* By how much the program is loaded above what it was linked for. */
static uintptr_t distance(const ElfW(Phdr) * headers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (headers[i].p_type == PT_PHDR) {
            return (uintptr_t)headers - (uintptr_t)headers[i].p_vaddr;
        }
    }
    return 0; /* a program that says nothing of it is where it was linked for */
}

static bool holds(const ElfW(Phdr) * header, uintptr_t base, uintptr_t address, size_t bytes)
{
    uintptr_t offset = address - base - (uintptr_t)header->p_vaddr;

    return offset < header->p_memsz && header->p_memsz - offset >= bytes;
}

bool os_is_program_variable(const void *address, size_t bytes)
{
    const ElfW(Phdr) *headers = (const ElfW(Phdr) *)getauxval(AT_PHDR);
    size_t count = headers == NULL ? 0 : getauxval(AT_PHNUM);
    uintptr_t base = distance(headers, count);

    for (size_t i = 0; i < count; i++) {
        if (headers[i].p_type == PT_LOAD && (headers[i].p_flags & PF_W) != 0 &&
            holds(&headers[i], base, (uintptr_t)address, bytes)) {
            return true;
        }
    }
    return false;
}
