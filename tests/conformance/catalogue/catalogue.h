/* SPDX-License-Identifier: Apache-2.0 */
/* The catalogue of Zephyr's memory API: every function, macro, type and option of it that has a
 * meaning in user space. A name that is missing does not compile; a function must have an address,
 * and what a macro makes must be as its documents say. catalogue.py compiles the sections as C11,
 * C17 and C++17, and runs them.
 *
 * What is left out, and why:
 *
 *   | name                                            | reason                                    |
 *   |-------------------------------------------------|-------------------------------------------|
 *   | k_heap_free_sched_locked, k_free_sched_locked   | the kernel's own, for callers that hold   |
 *   |                                                 | the lock of its scheduler                 |
 *   | heap_sanitizer_on_init, _on_alloc, _on_free,    | hidden seam between heap and sanitizer;   |
 *   | CONFIG_SYS_HEAP_SANITIZER_HOOKS, _ASAN          | lib/os/asan.c has the place               |
 *   | heap_kasan_report, heap_kasan_register,         | a sanitizer for machines without one:     |
 *   | SYS_HEAP_KASAN_ENABLE, K_HEAP_KASAN_ENABLE,     | AddressSanitizer sees the same, and more  |
 *   | SYS_HEAP_KASAN_SHADOW_BITS, _BUNDLES,           |                                           |
 *   | CONFIG_SYS_HEAP_KASAN and its options,          |                                           |
 *   | CONFIG_KASAN_INSTRUMENT_READS, CONFIG_MSAN      |                                           |
 *   | k_mem_map, demand paging, memory domains        | need a memory management unit             |
 *   | iterable sections (sys_mem_blocks_ptr ...)      | a matter of Zephyr's linker scripts       |
 *   | the shell's commands                            | there is no shell                         |
 *   | <sys_malloc.h>, CONFIG_COMMON_LIBC_MALLOC       | Zephyr's own C library                    |
 *   | _LOG_LEVEL options                              | log modules of Zephyr's sources           |
 *   | CONFIG_KERNEL_INIT_PRIORITY_OBJECTS             | nothing is initialised at start-up        |
 *   | CONFIG_HEAP_MEM_POOL_IGNORE_MIN, _ADD_SIZE_*    | inputs of Zephyr's build, which sums up   |
 *   |                                                 | what its subsystems ask for               |
 *   | CONFIG_WAITQ_DUMB, CONFIG_WAITQ_SCALABLE        | do not change what a program sees         |
 *   | custom headers, SYS_HEAP_PER_THREAD_STATS,      | proposed for Zephyr, and turned down      |
 *   | SYS_HEAP_STATS_MAX_HEAPS, _MAX_THREADS          |                                           |
 */
#ifndef QUARRY_TESTS_CATALOGUE_H
#define QUARRY_TESTS_CATALOGUE_H

#include <stdbool.h>
#include <stddef.h>

struct entry {
    const char *name;
    bool is_function;
    void (*address)(void); /* of a function */
    bool right;            /* of anything else: whether it is what it should be */
};

/* clang-format off */
#define FUNCTION(name)     {#name, true, (void (*)(void))(name), false}
#define MACRO(name, right) {#name, false, NULL, (right)}
#define TYPE(name)         {#name, false, NULL, sizeof(name) != 0}
#define OPTION(name)       {#name, false, NULL, (name) != 0}
/* clang-format on */

/* Counts the entries of an array. */
#define CATALOGUE(entries) catalogue_count(entries, sizeof(entries) / sizeof((entries)[0]))

void catalogue_count(const struct entry *entries, size_t count);

/* One section a file; each counts its entries. */
void catalogue_bitarray(void);
void catalogue_heap_listener(void);
void catalogue_heaptrace(void);
void catalogue_helpers(void);
void catalogue_k_heap(void);
void catalogue_mem_blocks(void);
void catalogue_mem_slab(void);
void catalogue_memref(void);
void catalogue_multi_heap(void);
void catalogue_obj_core(void);
void catalogue_options(void);
void catalogue_sync_heap(void);
void catalogue_sys_heap(void);
void catalogue_system_heap(void);
void catalogue_thread(void);
void catalogue_time(void);

#endif
