/* SPDX-License-Identifier: Apache-2.0 */
/* A logger thread makes messages of varying length in a heap, and a console thread prints them and
 * gives their memory back. The heap is too small for all of them: the logger waits when it is full,
 * and is served as soon as what the console has freed is enough for the message at hand. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <zephyr/kernel.h>

#define MESSAGES  12
#define LONGEST   80u
#define HEAP_SIZE 512

/* In one block with its text, which follows it. */
struct message {
    struct message *next;
    size_t length;
};

K_HEAP_DEFINE(message_heap, HEAP_SIZE);
static K_THREAD_STACK_DEFINE(logger_stack, 2048);
static K_THREAD_STACK_DEFINE(console_stack, 2048);
static struct k_thread logger;
static struct k_thread console;

/* A queue of messages, linked through the messages themselves. */
static struct message *first;
static struct message **end = &first;
static bool is_over;
static pthread_mutex_t queue_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t queue_has_changed = PTHREAD_COND_INITIALIZER;

/* NULL: there will be no more. */
static void queue_put(struct message *message)
{
    pthread_mutex_lock(&queue_lock);
    if (message == NULL) {
        is_over = true;
    } else {
        message->next = NULL;
        *end = message;
        end = &message->next;
    }
    pthread_cond_signal(&queue_has_changed);
    pthread_mutex_unlock(&queue_lock);
}

static struct message *queue_take(void)
{
    pthread_mutex_lock(&queue_lock);
    while (first == NULL && !is_over) {
        pthread_cond_wait(&queue_has_changed, &queue_lock);
    }
    struct message *message = first;
    if (message != NULL) {
        first = message->next;
        end = first == NULL ? &first : end;
    }
    pthread_mutex_unlock(&queue_lock);
    return message;
}

static void log_messages(void *p1, void *p2, void *p3)
{
    (void)p1, (void)p2, (void)p3;
    for (size_t i = 0; i < MESSAGES; i++) {
        size_t length = 1 + i * 37 % LONGEST;
        struct message *message = (struct message *)k_heap_alloc(
            &message_heap, sizeof(struct message) + length, K_SECONDS(60));

        if (message == NULL) {
            printf("no memory for message %zu\n", i);
            break;
        }
        message->length = length;
        memset(message + 1, 'a' + (int)i, length);
        queue_put(message);
    }
    queue_put(NULL);
}

static void print_messages(void *p1, void *p2, void *p3)
{
    struct message *message;

    (void)p1, (void)p2, (void)p3;
    while ((message = queue_take()) != NULL) {
        printf("%2zu %.*s\n", message->length, (int)message->length, (const char *)(message + 1));
        k_heap_free(&message_heap, message);
    }
}

int main(void)
{
    /* The console starts late, so that the heap is full by then. */
    k_thread_create(&console, console_stack, K_THREAD_STACK_SIZEOF(console_stack), print_messages,
                    NULL, NULL, NULL, K_PRIO_PREEMPT(5), 0, K_MSEC(20));
    k_thread_create(&logger, logger_stack, K_THREAD_STACK_SIZEOF(logger_stack), log_messages, NULL,
                    NULL, NULL, K_PRIO_PREEMPT(3), 0, K_NO_WAIT);
    k_thread_join(&logger, K_FOREVER);
    k_thread_join(&console, K_FOREVER);
    printf("heap is %s\n", sys_heap_validate(&message_heap.heap) ? "whole" : "damaged");
    return 0;
}
