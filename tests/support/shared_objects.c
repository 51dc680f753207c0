/* SPDX-License-Identifier: Apache-2.0 */
/* | slab | heap | in one memfd, which each process maps for itself. A child maps it a second time,
 * so that the addresses differ, and drops the mapping that it has of its parent. */
#include "shared_objects.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include <zephyr/kernel.h>
#include "kernel/shared_heap.h"
#include "kernel/shared_slab.h"
#include "kernel/wait_places.h"

#define HALF_BYTES  16384u
#define PATIENCE_MS 30000

struct k_mem_slab *shared_slab;
struct k_heap shared_heap;
char *shared_memory;
uint64_t *shared_notes;
static int memory_fd = -1;

static size_t note_bytes(void)
{
    return SHARED_NOTES * sizeof(*shared_notes);
}

static bool map_objects(void)
{
    shared_memory = mmap(NULL, 2 * HALF_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, memory_fd, 0);
    return shared_memory != MAP_FAILED;
}

static bool map_all(void)
{
    shared_notes =
        mmap(NULL, note_bytes(), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    memory_fd = memfd_create("shared_objects", MFD_CLOEXEC);
    return shared_notes != MAP_FAILED && memory_fd >= 0 &&
           ftruncate(memory_fd, 2 * HALF_BYTES) == 0 && map_objects();
}

int shared_objects_make(void **state)
{
    if (memory_fd < 0 && !map_all()) {
        return -1;
    }
    memset(shared_notes, 0, note_bytes());
    memset(shared_memory, 0xa5, 2 * HALF_BYTES);
    shared_slab = quarry_shared_slab_create(shared_memory, HALF_BYTES, SHARED_BLOCK_BYTES,
                                            SHARED_BLOCKS, SHARED_WAITERS);
    return shared_slab != NULL &&
                   quarry_shared_heap_create(&shared_heap, shared_memory + HALF_BYTES, HALF_BYTES,
                                             SHARED_HEAP_BYTES, SHARED_WAITERS) == 0
               ? 0
               : -1;
}

int shared_objects_drop(void **state)
{
    close(memory_fd);
    return munmap(shared_memory, 2 * HALF_BYTES) | munmap(shared_notes, note_bytes());
}

/* --- Processes --- */

static bool see_elsewhere(void)
{
    char *before = shared_memory;

    if (!map_objects() || shared_memory == before || munmap(before, 2 * HALF_BYTES) != 0) {
        return false;
    }
    shared_slab = quarry_shared_slab_attach(shared_memory, HALF_BYTES);
    return shared_slab != NULL &&
           quarry_shared_heap_attach(&shared_heap, shared_memory + HALF_BYTES, HALF_BYTES) == 0;
}

pid_t shared_process(bool (*body)(void *arg), void *arg)
{
    pid_t process = fork();

    assert_true(process >= 0);
    if (process == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        _exit(see_elsewhere() && body(arg) ? 0 : 1);
    }
    return process;
}

void shared_process_end(pid_t process)
{
    int64_t limit_ms = k_uptime_get() + PATIENCE_MS;
    int status = 0;

    while (waitpid(process, &status, WNOHANG) == 0) {
        if (k_uptime_get() > limit_ms) {
            shared_process_kill(process);
            fail_msg("process hangs");
        }
        k_usleep(200);
    }
    assert_int_equal(status, 0);
}

void shared_process_kill(pid_t process)
{
    kill(process, SIGKILL);
    waitpid(process, NULL, 0);
}

/* --- Deaths --- */

static void die_inside(const struct wait_queue *queue, void (*act)(void))
{
    struct stay stay;

    wait_queue_enter(queue, &stay);
    if (act != NULL) {
        act();
    }
    kill(getpid(), SIGKILL);
}

static bool die_inside_of_slab(void *arg)
{
    struct wait_queue queue = k_mem_slab_queue(shared_slab);

    die_inside(&queue, *(void (**)(void))arg);
    return false;
}

static bool die_inside_of_heap(void *arg)
{
    struct wait_queue queue = k_heap_queue(&shared_heap);

    die_inside(&queue, *(void (**)(void))arg);
    return false;
}

static void await_death(pid_t process)
{
    int status;

    assert_int_equal(waitpid(process, &status, 0), process);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

void shared_slab_die_inside(void (*act)(void))
{
    await_death(shared_process(die_inside_of_slab, &act));
}

void shared_heap_die_inside(void (*act)(void))
{
    await_death(shared_process(die_inside_of_heap, &act));
}

/* --- Who waits --- */

static size_t count_waiters(const struct wait_queue *queue)
{
    struct stay stay;
    size_t count = 0;

    wait_queue_enter(queue, &stay);
    for (uint32_t i = 0; i < SHARED_WAITERS; i++) {
        count += queue->places[i].waits && !wait_place_is_dead(&queue->places[i]);
    }
    wait_queue_leave(queue, &stay);
    return count;
}

size_t waiters_of_shared_slab(void)
{
    struct wait_queue queue = k_mem_slab_queue(shared_slab);

    return count_waiters(&queue);
}

size_t waiters_of_shared_heap(void)
{
    struct wait_queue queue = k_heap_queue(&shared_heap);

    return count_waiters(&queue);
}

void shared_await(size_t (*waiters)(void), size_t count)
{
    int64_t limit_ms = k_uptime_get() + PATIENCE_MS;

    while (waiters() != count) {
        assert_true(k_uptime_get() < limit_ms);
        k_usleep(100);
    }
}

/* --- Blocks --- */

void *shared_slab_take(void)
{
    void *mem;

    return k_mem_slab_alloc(shared_slab, &mem, K_NO_WAIT) == 0 ? mem : NULL;
}

void *shared_heap_take(size_t bytes)
{
    return k_heap_alloc(&shared_heap, bytes, K_NO_WAIT);
}

void shared_slab_take_all(void)
{
    while (shared_slab_take() != NULL) {
    }
}

void shared_heap_take_all(void)
{
    for (size_t bytes = SHARED_HEAP_BYTES; bytes > 0; bytes /= 2) {
        while (shared_heap_take(bytes) != NULL) {
        }
    }
}
