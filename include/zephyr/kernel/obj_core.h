/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Object cores: to find the program's kernel objects, and to ask any of them for its statistics.
 *
 *     static int print(struct k_obj_core *core, void *data)
 *     {
 *         struct sys_memory_stats stats;
 *
 *         k_obj_core_stats_query(core, &stats, sizeof(stats));
 *         printk("%zu bytes free\n", stats.free_bytes);
 *         return 0;
 *     }
 *
 *     k_obj_type_walk_locked(k_obj_type_find(K_OBJ_TYPE_MEM_SLAB_ID), print, NULL);
 *
 * Each object has a core in it, and each core a type. On the list of its type are
 *
 *   - what K_MEM_SLAB_DEFINE, SYS_MEM_BLOCKS_DEFINE and their like define, from the constructors
 *     of its program file on, until that is unloaded;
 *   - what k_mem_slab_init and quarry_mem_blocks_init make out of a static variable of the program;
 *   - what k_obj_core_link puts there.
 *
 * The list is kept outside of the objects. So one on it may be made anew or overwritten: it stays
 * on the list once, and is passed over for as long as there is no core of that type in its place.
 *
 * Statistics can be had of all that is defined or made so, on a list or not, but for slabs that
 * processes share.
 *
 * Rules that hold for every function of this file, and are not repeated below:
 *
 * Cost:    O(1), unless said otherwise.
 *
 * Blocks:  for the lock of the lists, unless said otherwise.
 *
 * Threads: any at the same time.
 *
 * Signals: not from a handler, unless said otherwise: one that interrupted its thread with the
 *          lock held is reported, and the program aborts.
 *
 * Fork:    a child has a copy of the lists.
 *
 * Owner:   objects, cores and types are the caller's. One that was linked must stay in place until
 *          it is unlinked; a type for ever.
 *
 * Misuse:  is not noticed: an object on the list whose memory is gone.
 *
 * Source:  Zephyr's <zephyr/kernel/obj_core.h>. Differs from Zephyr: it is always there
 *          (CONFIG_OBJ_CORE); of Zephyr's types there are those of memory; objects that are not
 *          static are not linked by themselves, since nobody would unlink them when their memory
 *          goes; lists are in the order of addresses for definitions, then in that of linking, but
 *          for places that have become free.
 */
#ifndef ZEPHYR_INCLUDE_KERNEL_OBJ_CORE_H_
#define ZEPHYR_INCLUDE_KERNEL_OBJ_CORE_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

struct k_obj_core;

/** What there is to know of objects of a type. A function that is NULL is not supported. */
struct k_obj_core_stats_desc {
    size_t raw_size;   /**< bytes of what `raw` writes */
    size_t query_size; /**< bytes of what `query` writes */
    int (*raw)(struct k_obj_core *obj_core, void *stats);
    int (*query)(struct k_obj_core *obj_core, void *stats);
    int (*reset)(struct k_obj_core *obj_core);
    int (*disable)(struct k_obj_core *obj_core);
    int (*enable)(struct k_obj_core *obj_core);
};

/** A type of objects. Made by z_obj_type_init; all in it is the library's own. */
struct k_obj_type {
    struct k_obj_type *next;                  /**< atomic */
    uint32_t id;                              /**< K_OBJ_TYPE_ID_GEN */
    size_t obj_core_offset;                   /**< bytes from an object's start to its core */
    struct k_obj_core_stats_desc *stats_desc; /**< NULL: no statistics */
};

/** What an object has in it so that it can be found. */
struct k_obj_core {
    struct k_obj_type *type; /**< NULL: none */
    void *stats;             /**< what is registered for `raw`, or NULL */
    bool is_unlinked;        /**< a definition that k_obj_core_unlink was called for */
};

/**
 * @name Types
 * @{
 */
/** The number of a type of which the name is a text of 4 characters. */
#define K_OBJ_TYPE_ID_GEN(s)                                                                       \
    ((uint32_t)(unsigned char)(s)[0] << 24 | (uint32_t)(unsigned char)(s)[1] << 16 |               \
     (uint32_t)(unsigned char)(s)[2] << 8 | (uint32_t)(unsigned char)(s)[3])

/** struct k_mem_slab */
#define K_OBJ_TYPE_MEM_SLAB_ID K_OBJ_TYPE_ID_GEN("SLAB")
/** struct sys_mem_blocks */
#define K_OBJ_TYPE_MEM_BLOCK_ID K_OBJ_TYPE_ID_GEN("MBLK")
/** @} */

/** The core of an object. */
#define K_OBJ_CORE(kobj) (&((kobj)->obj_core))

/** @cond internal */
/** Objects of one type that a program file defines: an array of pointers, because an object of a
 *  shared library may really be in the program that uses it. */
struct z_obj_module {
    void **start; /**< the first pointer */
    void **stop;  /**< where one more would be */
    struct k_obj_type *type;
    struct z_obj_module *next; /**< guarded by the lock */
};

/* Pointers of one type lie side by side in a section. Whoever puts one there has the linker's
 * bounds of it registered by a constructor, and taken back by a destructor; these are entries of
 * the tables of such, since a definition may stand inside of a function. All are private to a
 * source file, and are left out of one that defines nothing. */
#define Z_OBJ_MODULE_(type_name)                                                                   \
    extern void *__start_quarry_obj_##type_name[] __attribute__((weak, visibility("hidden")));     \
    extern void *__stop_quarry_obj_##type_name[] __attribute__((weak, visibility("hidden")));      \
    static struct z_obj_module z_obj_module_##type_name##_                                         \
        __attribute__((unused)) = {__start_quarry_obj_##type_name, __stop_quarry_obj_##type_name,  \
                                   &z_obj_type_##type_name, NULL};                                 \
    __attribute__((unused)) static void z_obj_module_begin_##type_name##_(void)                    \
    {                                                                                              \
        z_obj_module_begin(&z_obj_module_##type_name##_);                                          \
    }                                                                                              \
    __attribute__((unused)) static void z_obj_module_end_##type_name##_(void)                      \
    {                                                                                              \
        z_obj_module_end(&z_obj_module_##type_name##_);                                            \
    }                                                                                              \
    struct k_obj_type
#define Z_OBJ_DEFINED_(type_name, name)                                                            \
    static void *z_obj_pointer_##name __attribute__((section("quarry_obj_" #type_name), used)) =   \
        &name;                                                                                     \
    static void (*z_obj_begin_##name)(void) __attribute__((section(".init_array"), used)) =        \
        z_obj_module_begin_##type_name##_;                                                         \
    static void (*z_obj_end_##name)(void) __attribute__((section(".fini_array"), used)) =          \
        z_obj_module_end_##type_name##_
/** Initialiser of the core of a defined object. */
#define Z_OBJ_CORE_INIT_(type_name, stats)                                                         \
    {                                                                                              \
        &z_obj_type_##type_name, (stats), false                                                    \
    }

extern struct k_obj_type z_obj_type_mem_slab;
extern struct k_obj_type z_obj_type_mem_block;

/* For the constructors and destructors of a program file, any number of times. */
void z_obj_module_begin(struct z_obj_module *module);
void z_obj_module_end(struct z_obj_module *module);
/** @endcond */

/**
 * Makes a type known, or changes what is known of it.
 *
 * @param type   the type
 * @param id     its number
 * @param offset offsetof(struct of such an object, obj_core)
 *
 * Cost:    O(types).
 */
void z_obj_type_init(struct k_obj_type *type, uint32_t id, size_t offset);

/**
 * Returns a type.
 *
 * @param type_id its number
 * @return the type; NULL iff there is none of that number
 *
 * Cost:    O(types).
 *
 * Blocks:  never.
 *
 * Signals: also from a handler.
 */
struct k_obj_type *k_obj_type_find(uint32_t type_id);

/**
 * Calls a function for each core on a type's list, until it returns anything but 0.
 *
 * @param type the type
 * @param func the function; it may do anything but what changes the lists or walks them, and what
 *             loads or unloads a program file; it must not leave by longjmp
 * @param data passed to it
 * @return what the last call of @p func returned; 0 iff there was none
 *
 * Cost:    O(objects on all lists, and program files for each that is defined).
 *
 * Blocks:  others, that link or walk, until it returns.
 */
int k_obj_type_walk_locked(struct k_obj_type *type, int (*func)(struct k_obj_core *, void *),
                           void *data);

/**
 * Does what k_obj_type_walk_locked does without the lock while @p func runs, which may do what it
 * likes. What is linked or unlinked meanwhile is met or not; all else is met once.
 *
 * @param type the type
 * @param func the function
 * @param data passed to it
 * @return as k_obj_type_walk_locked
 *
 * Cost:    as k_obj_type_walk_locked.
 *
 * Misuse:  an object whose memory goes while @p func looks at it.
 */
int k_obj_type_walk_unlocked(struct k_obj_type *type, int (*func)(struct k_obj_core *, void *),
                             void *data);

/**
 * Gives a core a type; nothing is registered for its statistics.
 *
 * @param obj_core the core
 * @param type     the type
 *
 * Blocks:  never.
 *
 * Signals: also from a handler.
 */
void k_obj_core_init(struct k_obj_core *obj_core, struct k_obj_type *type);

/**
 * Puts a core on the list of its type, if it is not there.
 *
 * @param obj_core the core, with a type
 *
 * Cost:    O(objects on all lists); may map memory.
 *
 * Misuse:  an object that processes share. It is reported, and the program aborts, if the system
 *          has no memory for the list.
 */
void k_obj_core_link(struct k_obj_core *obj_core);

/** Does what k_obj_core_init does, and k_obj_core_link. */
void k_obj_core_init_and_link(struct k_obj_core *obj_core, struct k_obj_type *type);

/**
 * Takes a core off the list of its type, if it is there. Its statistics can still be had.
 *
 * @param obj_core the core
 *
 * Cost:    O(objects on all lists).
 */
void k_obj_core_unlink(struct k_obj_core *obj_core);

/**
 * @name Statistics
 *
 * Blocks:  never.
 *
 * Signals: also from a handler, where the functions of the type may be called from one; those of
 *          slabs and memory blocks may.
 * @{
 */
/**
 * Says what statistics there are of objects of a type.
 *
 * @param type       the type
 * @param stats_desc as long as the type lives; NULL: none
 */
void k_obj_type_stats_init(struct k_obj_type *type, struct k_obj_core_stats_desc *stats_desc);

/**
 * Says where an object's raw statistics are, whatever the type says of their size.
 *
 * @param obj_core the core
 * @param stats    where
 */
void k_obj_core_stats_init(struct k_obj_core *obj_core, void *stats);

/**
 * Says where an object's raw statistics are.
 *
 * @param obj_core  the core
 * @param stats     where
 * @param stats_len bytes of them
 * @return 0; -ENOTSUP iff there are no statistics of the type; -EINVAL iff they have another size
 */
int k_obj_core_stats_register(struct k_obj_core *obj_core, void *stats, size_t stats_len);

/**
 * Says that an object has no raw statistics any more.
 *
 * @param obj_core the core
 * @return 0; -ENOTSUP iff there are no statistics of the type
 */
int k_obj_core_stats_deregister(struct k_obj_core *obj_core);

/**
 * Copies an object's raw statistics: of a slab, struct k_mem_slab_info; of
 * memory blocks, struct sys_mem_blocks_info.
 *
 * @param obj_core  the core
 * @param stats     where to
 * @param stats_len bytes there
 * @return 0; -ENOTSUP iff there are none of the type; -EINVAL iff they have another size, or none
 *         are registered; else what the type's function returned
 */
int k_obj_core_stats_raw(struct k_obj_core *obj_core, void *stats, size_t stats_len);

/**
 * Gives an object's statistics in a form for readers: of slabs and memory blocks,
 * struct sys_memory_stats.
 *
 * @param obj_core  the core
 * @param stats     where to
 * @param stats_len bytes there
 * @return as k_obj_core_stats_raw
 */
int k_obj_core_stats_query(struct k_obj_core *obj_core, void *stats, size_t stats_len);

/**
 * Starts an object's statistics anew: of slabs and memory blocks, the maximum is what is in use
 * now.
 *
 * @param obj_core the core
 * @return 0; -ENOTSUP iff that cannot be done with the type; -EINVAL iff none are registered; else
 *         what the type's function returned
 */
int k_obj_core_stats_reset(struct k_obj_core *obj_core);

/**
 * Goes on with an object's statistics.
 *
 * @param obj_core the core
 * @return -ENOTSUP iff that cannot be done with the type, as with slabs and memory
 *         blocks; else what the type's
 *         function returned
 */
int k_obj_core_stats_enable(struct k_obj_core *obj_core);

/**
 * Stops an object's statistics.
 *
 * @param obj_core the core
 * @return as k_obj_core_stats_enable
 */
int k_obj_core_stats_disable(struct k_obj_core *obj_core);
/** @} */

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
