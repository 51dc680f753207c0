/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Zephyr's kernel, as far as memory goes: slabs, heaps that threads wait for, the system heap,
 * object cores, timeouts and threads; and what code around memory uses besides: semaphores, queues
 * of items, locks, atomics, printing.
 *
 * Source: Zephyr's <zephyr/kernel.h>. Differs from Zephyr: its other objects are not there.
 */
#ifndef ZEPHYR_INCLUDE_KERNEL_H_
#define ZEPHYR_INCLUDE_KERNEL_H_

#include <errno.h>
#include <zephyr/arch/common/ffs.h>
#include <zephyr/autoconf.h>
#include <zephyr/kernel/context.h>
#include <zephyr/kernel/fifo.h>
#include <zephyr/kernel/kheap.h>
#include <zephyr/kernel/mem_slab.h>
#include <zephyr/kernel/obj_core.h>
#include <zephyr/kernel/sem.h>
#include <zephyr/kernel/system_heap.h>
#include <zephyr/kernel/thread.h>
#include <zephyr/spinlock.h>
#include <zephyr/sys/__assert.h>
#include <zephyr/sys/atomic.h>
#include <zephyr/sys/printk.h>
#include <zephyr/sys/util.h>
#include <zephyr/sys_clock.h>
#include <zephyr/types.h>

#endif
