/* SPDX-License-Identifier: Apache-2.0 */
/* A sensor thread puts readings into blocks of a slab, and a radio thread sends them and gives the
 * blocks back. There are more readings than blocks: the sensor waits whenever the radio is behind.
 */
#include <pthread.h>
#include <stdio.h>
#include <zephyr/kernel.h>

#define BLOCKS   3
#define READINGS 8

struct reading {
    int number;
    int celsius;
};

K_MEM_SLAB_DEFINE_TYPE(reading_slab, struct reading, BLOCKS);
static K_THREAD_STACK_DEFINE(sensor_stack, 1024);
static K_THREAD_STACK_DEFINE(radio_stack, 1024);
static struct k_thread sensor;
static struct k_thread radio;

/* Pointers on their way from one thread to the other: to all blocks, and a NULL that ends it. */
static struct reading *ring[BLOCKS + 1];
static unsigned int puts_done;
static unsigned int takes_done;
static pthread_mutex_t ring_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t ring_is_filled = PTHREAD_COND_INITIALIZER;

static void ring_put(struct reading *reading)
{
    pthread_mutex_lock(&ring_lock);
    ring[puts_done++ % (BLOCKS + 1)] = reading;
    pthread_cond_signal(&ring_is_filled);
    pthread_mutex_unlock(&ring_lock);
}

static struct reading *ring_take(void)
{
    pthread_mutex_lock(&ring_lock);
    while (takes_done == puts_done) {
        pthread_cond_wait(&ring_is_filled, &ring_lock);
    }
    struct reading *reading = ring[takes_done++ % (BLOCKS + 1)];
    pthread_mutex_unlock(&ring_lock);
    return reading;
}

static void sense(void *p1, void *p2, void *p3)
{
    (void)p1, (void)p2, (void)p3;
    for (int i = 0; i < READINGS; i++) {
        void *block;

        /* Waits for the radio, but not for ever: a radio that hangs is worth a message. */
        if (k_mem_slab_alloc(&reading_slab, &block, K_SECONDS(60)) != 0) {
            printf("no block for reading %d\n", i);
            break;
        }
        struct reading *reading = (struct reading *)block;
        reading->number = i;
        reading->celsius = 20 + i % 3;
        ring_put(reading);
    }
    ring_put(NULL);
}

static void transmit(void *p1, void *p2, void *p3)
{
    struct reading *reading;

    (void)p1, (void)p2, (void)p3;
    while ((reading = ring_take()) != NULL) {
        printf("reading %d: %d degrees\n", reading->number, reading->celsius);
        k_mem_slab_free(&reading_slab, reading); /* straight to the sensor, if it waits */
    }
}

int main(void)
{
    /* The radio starts late, so that the sensor has to wait. */
    k_thread_create(&radio, radio_stack, K_THREAD_STACK_SIZEOF(radio_stack), transmit, NULL, NULL,
                    NULL, K_PRIO_PREEMPT(5), 0, K_MSEC(20));
    k_thread_create(&sensor, sensor_stack, K_THREAD_STACK_SIZEOF(sensor_stack), sense, NULL, NULL,
                    NULL, K_PRIO_PREEMPT(3), 0, K_NO_WAIT);
    k_thread_join(&sensor, K_FOREVER);
    k_thread_join(&radio, K_FOREVER);
    printf("%u of %d blocks in use\n", k_mem_slab_num_used_get(&reading_slab), BLOCKS);
    return 0;
}
