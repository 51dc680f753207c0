/* SPDX-License-Identifier: Apache-2.0 */
/* Where the running program's own variables are, by the program headers that the kernel has told
 * the process of. They lie side by side in memory that stays until the process ends; shared
 * libraries are not meant, which may be unloaded.
 *
 * And where this library is, by its own program headers, which the linker has a name for. */
#include "os/os.h"

#include <errno.h>
#include <link.h>
#include <sys/auxv.h>

#include "core/bits.h"

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

/* The beginning of the file that this code is in, as it lies in memory. */
extern const ElfW(Ehdr) __ehdr_start __attribute__((visibility("hidden")));

/* What is loaded, from where on. */
struct image {
    const ElfW(Phdr) * headers;
    size_t count;
    uintptr_t base; /* address of what was linked for 0 */
};

static struct image own_image(void)
{
    uintptr_t start = (uintptr_t)&__ehdr_start;
    struct image image = {(const ElfW(Phdr) *)(start + __ehdr_start.e_phoff), __ehdr_start.e_phnum,
                          start};

    for (size_t i = 0; i < image.count; i++) {
        if (image.headers[i].p_type == PT_LOAD && image.headers[i].p_offset == 0) {
            image.base = start - (uintptr_t)image.headers[i].p_vaddr;
        }
    }
    return image;
}

/* Where the part ends that nobody can write to once it is relocated; 0 if there is none. */
static uintptr_t end_of_constants(const struct image *image)
{
    for (size_t i = 0; i < image->count; i++) {
        const ElfW(Phdr) *header = &image->headers[i];

        if (header->p_type == PT_GNU_RELRO) {
            return round_down(image->base + header->p_vaddr + header->p_memsz, os_page_bytes());
        }
    }
    return 0;
}

/* All pages that have any of a segment; of a writable one those that can be written to. */
static int lock_segment(const struct image *image, const ElfW(Phdr) * header)
{
    bool writable = (header->p_flags & PF_W) != 0;
    uintptr_t constants = writable ? end_of_constants(image) : 0;
    uintptr_t start = round_down(image->base + header->p_vaddr, os_page_bytes());
    uintptr_t end = round_up(image->base + header->p_vaddr + header->p_memsz, os_page_bytes());

    start = constants > start ? constants : start;
    if (start >= end) {
        return 0;
    }
    int result = os_lock_pages((void *)start, end - start);
    if (result != 0 && !os_populate((void *)start, end - start, writable)) {
        result = -ENOMEM;
    }
    return result;
}

int os_lock_image(void)
{
    struct image image = own_image();
    int result = 0;

    for (size_t i = 0; i < image.count; i++) {
        if (image.headers[i].p_type == PT_LOAD) {
            int error = lock_segment(&image, &image.headers[i]);

            result = error != 0 ? error : result;
        }
    }
    return result;
}
