/* SPDX-License-Identifier: Apache-2.0 */
/* A module as firmware has many: samples come from a driver in blocks of a slab, a thread collects
 * them into reports of varying length, and reports come from a heap. */
#include <errno.h>
#include <string.h>
#include <zephyr/kernel.h>
#include <zephyr/logging/log.h>
#include <zephyr/sys/__assert.h>
#include <zephyr/sys/atomic.h>
#include <zephyr/sys/util.h>
#include "firmware.h"

LOG_MODULE_REGISTER(sensor_hub, LOG_LEVEL_WRN);

#define SAMPLE_COUNT    8
#define REPORT_MAX_SIZE 256
#define STACK_SIZE      1024
#define HUB_PRIORITY    K_PRIO_PREEMPT(7)
#define ALLOC_TIMEOUT   K_MSEC(50)

struct sample {
    int64_t uptime;
    uint16_t channel;
    int16_t value;
};

struct report {
    uint32_t sequence;
    size_t length;
    char text[]; /* length bytes */
};

BUILD_ASSERT(sizeof(struct sample) <= 16, "a sample must fit into 16 bytes");

K_MEM_SLAB_DEFINE_STATIC(sample_slab, ROUND_UP(sizeof(struct sample), 8), SAMPLE_COUNT, 8);
K_HEAP_DEFINE(report_heap, Z_HEAP_MIN_SIZE_FOR(REPORT_MAX_SIZE));
K_THREAD_STACK_DEFINE(hub_stack, STACK_SIZE);

static struct k_thread hub_thread;
static struct sample *pending[SAMPLE_COUNT];
static atomic_t pending_count = ATOMIC_INIT(0);
static uint32_t sequence;

int sensor_hub_submit(uint16_t channel, int16_t value)
{
    void *block;
    int ret;

    ret = k_mem_slab_alloc(&sample_slab, &block, K_NO_WAIT);
    if (ret != 0) {
        LOG_DBG("dropped a sample of channel %u: %d", channel, ret);
        return ret;
    }

    struct sample *sample = (struct sample *)block;

    *sample = (struct sample){k_uptime_get(), channel, value};
    pending[atomic_inc(&pending_count)] = sample;
    return 0;
}

static struct report *new_report(size_t length)
{
    struct report *report;

    if (length > REPORT_MAX_SIZE - sizeof(*report)) {
        return NULL;
    }
    report = (struct report *)k_heap_alloc(&report_heap, sizeof(*report) + length, ALLOC_TIMEOUT);
    if (report == NULL) {
        LOG_WRN("no memory for a report of %zu bytes", length);
        return NULL;
    }
    report->sequence = sequence++;
    report->length = length;
    memset(report->text, 0, length);
    return report;
}

static void collect(void *p1, void *p2, void *p3)
{
    int *sum = (int *)p1;

    ARG_UNUSED(p2);
    ARG_UNUSED(p3);

    for (long i = atomic_clear(&pending_count); i > 0; i--) {
        struct sample *sample = pending[i - 1];
        struct report *report = new_report(16);

        __ASSERT(sample->channel < 16, "no such channel: %u", sample->channel);
        if (report != NULL) {
            snprintk(report->text, report->length, "%d", sample->value);
            *sum += sample->value;
            k_heap_free(&report_heap, report);
        }
        k_mem_slab_free(&sample_slab, sample);
    }
}

int sensor_hub_run(void)
{
    int sum = 0;
    k_tid_t tid;

    tid = k_thread_create(&hub_thread, hub_stack, K_THREAD_STACK_SIZEOF(hub_stack), collect, &sum,
                          NULL, NULL, HUB_PRIORITY, 0, K_NO_WAIT);
    k_thread_name_set(tid, "sensor_hub");
    if (k_thread_join(&hub_thread, K_SECONDS(60)) != 0) {
        k_thread_abort(tid);
        return -ETIMEDOUT;
    }
    if (k_mem_slab_num_used_get(&sample_slab) != 0) {
        return -EIO;
    }
    return sum;
}
