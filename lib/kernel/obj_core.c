/* SPDX-License-Identifier: Apache-2.0 */
/* The lists of kernel objects, by type.
 *
 *    types --> | SLAB | --> | MBLK | --> | user's type | --> NULL
 *
 *    modules --> | start, stop, type | --> | ... | --> NULL      one per program file and type,
 *                   |                                            of what it defines
 *                   v
 *    section:     | pointer | pointer | ...                      made by the compiler and the
 * linker
 *
 *    slots:       | core | NULL | core | ...                     of all that is linked at run time
 *
 * Nothing is kept in the objects, whose owners may overwrite them and make them anew without a
 * word: a link that is lost with one object would cut off all those behind it. So a definition
 * costs nothing at start-up but what its program file costs, which is one entry on the list of
 * modules.
 *
 * Invariants:
 *   1. A core is met once: it has a pointer in one module, or is in one slot, or neither.
 *   2. What a walk meets has the type asked for, by its own word, and does not say that it is
 *      unlinked. What else is in its place is passed over.
 *   3. Slots never move, so a walk may be left and gone on with at any of them. In modules it goes
 *      on behind an address, whichever modules have come and gone.
 *   4. What is in slots by itself, not by k_obj_core_link, is a variable of the program: it can be
 *      read as long as the process lives.
 *   5. Each change is one store that counts, so that the child of a fork finds all in order.
 *
 * Types are only ever added, and found without the lock. */
#include "kernel/obj_core.h"

#include "core/bits.h"
#include "core/check.h"
#include "kernel/guard.h"
#include "os/os.h"
#include "os/sync.h"

#define FIRST_SLOTS  64u /* as many slabs as most programs have; 512 bytes */
#define MAX_SEGMENTS 24u /* of FIRST_SLOTS << n slots each: a thousand million */

static struct k_spinlock lock = {PTHREAD_MUTEX_INITIALIZER, LOCK_RANK_OBJECTS, 0};

static struct k_obj_type *types = &z_obj_type_mem_slab; /* atomic */
static struct z_obj_module *modules;                    /* guarded by the lock */

static struct k_obj_core *first_slots[FIRST_SLOTS];  /* guarded by the lock, as all that follows */
static struct k_obj_core **more_slots[MAX_SEGMENTS]; /* segment n: FIRST_SLOTS << n of them */
static size_t slots_used;                            /* slots that ever had a core */

/* --- With the lock held --- */

static struct k_obj_core **slot_at(size_t number)
{
    if (number < FIRST_SLOTS) {
        return &first_slots[number];
    }
    unsigned int segment = floor_log2((uint32_t)(number / FIRST_SLOTS));

    return &more_slots[segment][number - ((size_t)FIRST_SLOTS << segment)];
}

/* Memory for slot `number`, the first of a segment or not. False if the system has none. */
static bool make_slot(size_t number)
{
    if (number < FIRST_SLOTS) {
        return true;
    }
    unsigned int segment = floor_log2((uint32_t)(number / FIRST_SLOTS));

    if (segment >= MAX_SEGMENTS) {
        return false;
    }
    if (more_slots[segment] == NULL) {
        size_t bytes = ((size_t)FIRST_SLOTS << segment) * sizeof(struct k_obj_core *);

        more_slots[segment] =
            (struct k_obj_core **)os_map(round_up(bytes, os_page_bytes()), os_page_bytes());
    }
    return more_slots[segment] != NULL;
}

/* Where the segment ends that a slot is in: with the slot of this number. */
static size_t end_of_segment(size_t number)
{
    return number < FIRST_SLOTS
               ? FIRST_SLOTS
               : (size_t)FIRST_SLOTS << (floor_log2((uint32_t)(number / FIRST_SLOTS)) + 1);
}

/* Slots found in one pass; slots_used: there is none. */
struct places {
    size_t of_core;
    size_t free; /* the first one, of those before the core */
};

static struct places look_for(const struct k_obj_core *core)
{
    struct places places = {slots_used, slots_used};
    size_t number = 0;

    while (number < slots_used) {
        struct k_obj_core **slot = slot_at(number);
        size_t end = end_of_segment(number);

        for (end = end < slots_used ? end : slots_used; number < end; number++, slot++) {
            if (*slot == core) {
                places.of_core = number;
                return places;
            }
            if (*slot == NULL && places.free == slots_used) {
                places.free = number;
            }
        }
    }
    return places;
}

static struct k_obj_core *core_of(const struct z_obj_module *module, void *const *pointer)
{
    return *pointer == NULL
               ? NULL
               : (struct k_obj_core *)(void *)((char *)*pointer + module->type->obj_core_offset);
}

static bool is_defined(const struct k_obj_core *core)
{
    for (const struct z_obj_module *module = modules; module != NULL; module = module->next) {
        for (void **pointer = module->start; pointer < module->stop; pointer++) {
            if (core_of(module, pointer) == core) {
                return true;
            }
        }
    }
    return false;
}

/* False iff there is no memory for it. */
static bool enlist(struct k_obj_core *core)
{
    __atomic_store_n(&core->is_unlinked, false, __ATOMIC_RELAXED);
    if (is_defined(core)) {
        return true;
    }
    struct places places = look_for(core);
    size_t number = places.free;
    if (places.of_core != slots_used) {
        return true;
    }
    if (!make_slot(number)) {
        return false;
    }
    *slot_at(number) = core;
    if (number == slots_used) {
        slots_used++;
    }
    return true;
}

static void strike_off(struct k_obj_core *core)
{
    size_t number = look_for(core).of_core;

    __atomic_store_n(&core->is_unlinked, true, __ATOMIC_RELAXED);
    if (number != slots_used) {
        *slot_at(number) = NULL;
    }
}

/* --- Walks --- */

/* How far a walk is. */
struct position {
    void **pointer; /* behind which it goes on in modules; NULL: at the first */
    size_t slot;    /* at which it goes on in slots */
};

/* Invariant 2. The core may be anything by now. */
static bool is_met(const struct k_obj_core *core, const struct k_obj_type *type)
{
    return core != NULL && __atomic_load_n(&core->type, __ATOMIC_RELAXED) == type &&
           !__atomic_load_n(&core->is_unlinked, __ATOMIC_RELAXED);
}

/* The first pointer of a module behind `pointer` of which the core is met; NULL: none. */
static void **next_in(const struct z_obj_module *module, void **pointer)
{
    void **next = pointer < module->start ? module->start : pointer + 1;

    while (next < module->stop && !is_met(core_of(module, next), module->type)) {
        next++;
    }
    return next < module->stop ? next : NULL;
}

static struct k_obj_core *next_defined(const struct k_obj_type *type, struct position *position)
{
    const struct z_obj_module *lowest_module = NULL;
    void **lowest = NULL;

    for (const struct z_obj_module *module = modules; module != NULL; module = module->next) {
        void **next = module->type == type ? next_in(module, position->pointer) : NULL;

        if (next != NULL && (lowest == NULL || next < lowest)) {
            lowest = next;
            lowest_module = module;
        }
    }
    if (lowest == NULL) {
        return NULL;
    }
    position->pointer = lowest;
    return core_of(lowest_module, lowest);
}

static struct k_obj_core *next_linked(const struct k_obj_type *type, struct position *position)
{
    while (position->slot < slots_used) {
        struct k_obj_core *core = *slot_at(position->slot++);

        if (is_met(core, type)) {
            return core;
        }
    }
    return NULL;
}

static struct k_obj_core *next_core(const struct k_obj_type *type, struct position *position)
{
    struct k_obj_core *core = position->slot == 0 ? next_defined(type, position) : NULL;

    return core != NULL ? core : next_linked(type, position);
}

/* --- The lock --- */

static void enter(struct visit *visit)
{
    guard_enter(&lock, visit);
    REQUIRE(visit->holds,
            "signal handler uses the lists of objects while its thread is inside of an object",
            NULL, NULL);
}

int k_obj_type_walk_locked(struct k_obj_type *type, int (*func)(struct k_obj_core *, void *),
                           void *data)
{
    struct position position = {NULL, 0};
    struct k_obj_core *core;
    struct visit visit;
    int result = 0;

    enter(&visit);
    while (result == 0 && (core = next_core(type, &position)) != NULL) {
        result = func(core, data);
    }
    guard_leave(&lock, &visit);
    return result;
}

int k_obj_type_walk_unlocked(struct k_obj_type *type, int (*func)(struct k_obj_core *, void *),
                             void *data)
{
    struct position position = {NULL, 0};
    struct k_obj_core *core;
    int result = 0;

    do {
        struct visit visit;

        enter(&visit);
        core = next_core(type, &position);
        guard_leave(&lock, &visit);
        if (core != NULL) {
            result = func(core, data);
        }
    } while (result == 0 && core != NULL);
    return result;
}

void k_obj_core_init(struct k_obj_core *obj_core, struct k_obj_type *type)
{
    *obj_core = (struct k_obj_core){.type = type};
}

void k_obj_core_link(struct k_obj_core *obj_core)
{
    struct visit visit;

    enter(&visit);
    REQUIRE(enlist(obj_core), "no memory for the lists of objects", NULL, obj_core);
    guard_leave(&lock, &visit);
}

void k_obj_core_init_and_link(struct k_obj_core *obj_core, struct k_obj_type *type)
{
    k_obj_core_init(obj_core, type);
    k_obj_core_link(obj_core);
}

void k_obj_core_unlink(struct k_obj_core *obj_core)
{
    struct visit visit;

    enter(&visit);
    strike_off(obj_core);
    guard_leave(&lock, &visit);
}

void obj_core_begin(struct k_obj_core *core, struct k_obj_type *type, void *stats)
{
    struct visit visit;

    *core = (struct k_obj_core){.type = type, .stats = stats};
    if (os_is_program_variable(core, sizeof(*core))) {
        guard_enter(&lock, &visit);
        if (visit.holds) {
            enlist(core);
        }
        guard_leave(&lock, &visit);
    }
}

/* --- Program files, and types --- */

/* The link that leads to the module with that start; or the last one, which is NULL. */
static struct z_obj_module **link_to(void *const *start)
{
    struct z_obj_module **at = &modules;

    while (*at != NULL && (*at)->start != start) {
        at = &(*at)->next;
    }
    return at;
}

void z_obj_module_begin(struct z_obj_module *module)
{
    struct visit visit;

    enter(&visit);
    struct z_obj_module **at = link_to(module->start);
    if (*at == NULL) {
        *at = module;
    }
    guard_leave(&lock, &visit);
}

void z_obj_module_end(struct z_obj_module *module)
{
    struct visit visit;

    enter(&visit);
    struct z_obj_module **at = link_to(module->start);
    if (*at != NULL) {
        struct z_obj_module *gone = *at;

        *at = gone->next;
        gone->next = NULL;
    }
    guard_leave(&lock, &visit);
}

struct k_obj_type *k_obj_type_find(uint32_t type_id)
{
    struct k_obj_type *type = __atomic_load_n(&types, __ATOMIC_ACQUIRE);

    while (type != NULL && type->id != type_id) {
        type = __atomic_load_n(&type->next, __ATOMIC_ACQUIRE);
    }
    return type;
}

void z_obj_type_init(struct k_obj_type *type, uint32_t id, size_t offset)
{
    struct k_obj_type **at = &types;
    struct visit visit;

    enter(&visit);
    while (*at != NULL && *at != type) {
        at = &(*at)->next;
    }
    type->id = id;
    type->obj_core_offset = offset;
    if (*at == NULL) {
        type->next = NULL;
        type->stats_desc = NULL;
        __atomic_store_n(at, type, __ATOMIC_RELEASE);
    }
    guard_leave(&lock, &visit);
}
