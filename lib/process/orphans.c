/* SPDX-License-Identifier: Apache-2.0 */
/* Slabs of threads that have ended. They belong to a cache without a thread. Threads adopt them
 * before they make new ones, or use pages that were never used; and when they free a block of one
 * that they allocate, too, so that what a thread takes over from another one soon is its own; but
 * not for a block that is used again at once (cache_mail.c), and only a few between two that it
 * allocates, since it opens its mail when it allocates.
 * Others' frees bring the block home at once if few of the slab's are in use and the lock is free:
 * a batch would keep the slab from the threads to come, which would use more memory instead.
 *
 *    ending threads --> arrivals --> | slab | --> | slab |      welcomed onto the orphans' lists
 *    senders        --> called   --> | cache | --> | cache |    without a thread, but with mail
 *                       orphans' inbox --> | letter |
 *
 * Whoever leaves something behind, a slab of an ending thread or a letter that nobody waits for,
 * puts it where it is found, which takes no lock, and tends: tries the lock, and if it is free puts
 * a portion of all that is there in order. Nobody waits for the lock but a thread that forks, and
 * nobody holds it for longer than a portion takes, but a thread that has just ended and the child
 * of a fork.
 *
 * A portion is a constant amount of work, more than one call leaves behind, so that tending keeps
 * up with what comes. Some may be left: if the lock was taken, and its holder has done the portions
 * that a call may do. That is not lost:
 *
 *   1. What is left behind is in the arrivals, in the inbox of the orphans or of a cache that is
 *      called for, or in a cache that a thread has got since, which looks into its inbox itself.
 *   2. Every thread tends before it makes a slab, and when it gets its cache. So as long as anybody
 *      takes more memory, what is left behind is put in order.
 *
 * An orphan on its way has SLAB_ARRIVES set in its owner, from before it is the orphans' until it
 * is on one of their lists. Blocks may come home to it meanwhile.
 *
 * Around a fork the forking thread holds the lock, and passes it without taking it. */
#include "os/sync.h"
#include "process/cache_parts.h"
#include "process/options.h"
#include "process/variable_page.h"

/* A portion is so many of each. */
#define PORTION_SLABS   2u
#define PORTION_LETTERS 2u
/* Slabs that a thread adopts by frees alone: so one that frees what others allocate does not become
 * the owner of all they leave, and of mail that it has no reason to open. */
#define MOST_ADOPTED 16u

BEHIND_OTHER_VARIABLES struct thread_cache orphans;

static struct lock lock = {.rank = LOCK_RANK_ORPHANS};

/* Anybody adds to these (release); who has the lock takes the first (acquire), and nobody else. */
static _Atomic(struct slab *) arrivals;
static _Atomic(struct thread_cache *) called;

/* Owner thread and its signal handlers only. */
static _Thread_local struct {
    volatile bool holds; /* it has the lock, or is about to take it, or has just released it */
    volatile bool forks; /* it has the lock for a fork */
} thread;

/* --- The lock --- */

/* In the real-time mode its holder runs with the priority of a thread that waits to fork. Where the
 * system does not have that, the lock stays as it is. */
void orphans_make_lock(void)
{
    if (options_rt() && !lock_init(&lock, LOCK_RANK_ORPHANS, LOCK_INHERIT)) {
        lock_renew(&lock);
    }
}

bool orphans_are_held(void)
{
    return thread.holds;
}

static void begin_to_hold(void)
{
    thread.holds = true;
    atomic_signal_fence(memory_order_seq_cst);
}

static void end_to_hold(void)
{
    atomic_signal_fence(memory_order_seq_cst);
    thread.holds = false;
}

bool orphans_try(void)
{
    if (thread.holds) {
        return false;
    }
    begin_to_hold();
    if (thread.forks || lock_try(&lock)) {
        return true;
    }
    end_to_hold();
    return false;
}

void orphans_leave(void)
{
    if (!thread.forks) {
        lock_release_then_read(&lock);
    }
    end_to_hold();
}

/* --- To leave something behind --- */

static void leave_slab(struct slab *slab)
{
    if (slab->used == 0) {
        slab_drop(slab);
        return;
    }
    slab_set_owner(slab, SLAB_ARRIVES);
    atomic_store_explicit(&slab->cache, &orphans, memory_order_release);
    slab->next = atomic_load_explicit(&arrivals, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&arrivals, &slab->next, slab,
                                                  memory_order_seq_cst, memory_order_relaxed)) {
    }
}

void orphans_add(struct slab **list)
{
    while (*list != NULL) {
        struct slab *slab = *list;

        *list = slab->next;
        leave_slab(slab);
    }
}

/* The mark comes off before the inbox is looked into. So a letter that came before the mark was
 * found set will be seen. */
void orphans_call_for(struct thread_cache *without_thread)
{
    if (without_thread == &orphans ||
        atomic_exchange_explicit(&without_thread->is_called, true, memory_order_seq_cst)) {
        return;
    }
    without_thread->next_called = atomic_load_explicit(&called, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&called, &without_thread->next_called,
                                                  without_thread, memory_order_seq_cst,
                                                  memory_order_relaxed)) {
    }
}

/* --- To put it in order. With the lock, unless it says otherwise. --- */

static struct slab *next_arrival(void)
{
    struct slab *slab = atomic_load_explicit(&arrivals, memory_order_acquire);

    while (slab != NULL &&
           !atomic_compare_exchange_weak_explicit(&arrivals, &slab, slab->next,
                                                  memory_order_acquire, memory_order_acquire)) {
    }
    return slab;
}

static struct thread_cache *next_called(void)
{
    struct thread_cache *cache = atomic_load_explicit(&called, memory_order_acquire);

    while (cache != NULL &&
           !atomic_compare_exchange_weak_explicit(&called, &cache, cache->next_called,
                                                  memory_order_acquire, memory_order_acquire)) {
    }
    if (cache != NULL) {
        atomic_store_explicit(&cache->is_called, false, memory_order_seq_cst);
    }
    return cache;
}

static void welcome(struct slab *slab)
{
    bool has_blocks = slab->free != NULL || slab_has_room(slab);

    if (slab->used == 0) {
        slab_drop(slab);
        return;
    }
    slab_set_owner(slab, has_blocks ? 0 : SLAB_SET_ASIDE);
    cache_link(has_blocks ? &orphans.waiting[slab->size_class] : &orphans.set_aside, slab);
}

/* A thread that has got the cache since looks into its inbox itself. */
static void open_mail_of(struct thread_cache *cache)
{
    if (cache_claim(cache)) {
        mail_open(cache, PORTION_LETTERS);
        cache_give_back(cache);
    }
}

static void do_portion(void)
{
    struct slab *slab;
    unsigned int slabs = PORTION_SLABS;

    while (slabs > 0 && (slab = next_arrival()) != NULL) {
        welcome(slab);
        slabs--;
    }
    struct thread_cache *cache = next_called();
    if (cache != NULL) {
        open_mail_of(cache);
    }
    mail_open(&orphans, PORTION_LETTERS);
}

/* With or without the lock. */
static bool is_to_be_tended(void)
{
    return atomic_load_explicit(&arrivals, memory_order_seq_cst) != NULL ||
           atomic_load_explicit(&called, memory_order_seq_cst) != NULL || mail_is_left(&orphans);
}

/* Who did not get the lock relies on its holder, who therefore looks once more afterwards. */
void orphans_tend(unsigned int portions)
{
    while (portions > 0 && is_to_be_tended() && orphans_try()) {
        do_portion();
        orphans_leave();
        portions--;
    }
}

/* --- To adopt --- */

/* With the lock. */
static void pass_on(struct thread_cache *cache, struct slab *slab)
{
    cache_unlink(cache_is_set_aside(slab) ? &orphans.set_aside : &orphans.waiting[slab->size_class],
                 slab);
    cache_take_possession(cache, slab);
}

static void leave_and_tend(void)
{
    orphans_leave();
    orphans_tend(ORPHANS_FEW);
}

struct slab *orphans_adopt(struct thread_cache *cache, size_t size_class, bool with_free)
{
    struct slab *slab = NULL;

    orphans_tend(ORPHANS_FEW);
    if (__atomic_load_n(&orphans.waiting[size_class], __ATOMIC_RELAXED) != NULL && orphans_try()) {
        slab = cache_best_waiting(&orphans, size_class);
        if (slab != NULL && with_free && slab->free == NULL) {
            slab = NULL;
        }
        if (slab != NULL) {
            pass_on(cache, slab);
        }
        leave_and_tend();
    }
    return slab;
}

/* --- To free blocks of them --- */

/* Takes the lock, if nobody has it, and the slab is an orphan that is on a list. */
static bool try_for(const struct slab *slab)
{
    if (!orphans_try()) {
        return false;
    }
    if (cache_is_orphan(slab) && !cache_arrives(slab)) {
        return true;
    }
    leave_and_tend();
    return false;
}

static bool adopt_this(struct thread_cache *cache, struct slab *slab)
{
    if (!try_for(slab)) {
        return false;
    }
    pass_on(cache, slab);
    leave_and_tend();
    return true;
}

static bool take_back(struct slab *slab, void *block)
{
    if (!try_for(slab)) {
        return false;
    }
    cache_bring_home(&orphans, slab, block, block, 1);
    leave_and_tend();
    return true;
}

/* A batch would hold most of the slab's blocks that are in use, and so the slab. Relaxed: a guess.
 */
static bool is_nearly_empty(const struct slab *slab)
{
    return __atomic_load_n(&slab->used, __ATOMIC_RELAXED) <= REMOTE_BATCH_MOST;
}

bool orphans_free(struct thread_cache *cache, struct slab *slab, void *block)
{
    if (cache->current[slab->size_class] == NULL || cache->adopted == MOST_ADOPTED) {
        return is_nearly_empty(slab) && take_back(slab, block);
    }
    if (!adopt_this(cache, slab)) {
        return false;
    }
    cache->adopted++;
    cache_link(&cache->waiting[slab->size_class], slab);
    cache_bring_home(cache, slab, block, block, 1);
    return true;
}

/* --- Forks --- */

void orphans_before_fork(void)
{
    if (thread.holds) {
        return; /* in a handler that has interrupted whoever has the lock */
    }
    begin_to_hold();
    if (!thread.forks) {
        lock_acquire(&lock);
    }
    thread.forks = true;
    end_to_hold();
}

void orphans_after_fork_in_parent(void)
{
    if (thread.forks) {
        begin_to_hold();
        thread.forks = false;
        orphans_leave();
        orphans_tend(ORPHANS_FEW);
    }
}

/* A lock that inherits knows its holder by the kernel's number, which is another one here. So it is
 * made anew, also where a handler forks that has interrupted whoever has it: the release then is of
 * a lock that nobody has, which is refused and changes nothing. */
void orphans_after_fork_in_child(void)
{
    bool forked_with_lock = thread.forks;

    if (forked_with_lock) {
        begin_to_hold();
        thread.forks = false;
        orphans_leave();
    }
    orphans_make_lock();
    if (forked_with_lock) {
        orphans_tend(ORPHANS_FEW);
    }
}
