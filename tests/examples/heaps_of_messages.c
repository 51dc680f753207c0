/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of any length: in a heap of their own, which a thread may wait for, and in the system's,
 * which hands out 200 and 75 bytes here. */
#include <stdio.h>
#include <string.h>
#include <zephyr/kernel.h>

K_HEAP_DEFINE(messages, Z_HEAP_MIN_SIZE_FOR(512));

static void use_own_heap(void)
{
    char *message = (char *)k_heap_alloc(&messages, 500, K_NO_WAIT);

    if (message == NULL) {
        printf("a heap made for 512 bytes has not got 500\n");
        return;
    }
    strcpy(message, "hello from a heap of its own");
    printf("%s\n", message);
    if (k_heap_alloc(&messages, 100, K_MSEC(10)) == NULL) {
        printf("no room for 100 bytes more, also after 10 ms\n");
    }
    k_heap_free(&messages, message);
    message = (char *)k_heap_alloc(&messages, 100, K_MSEC(10));
    printf("after it was freed: %s\n", message == NULL ? "no room" : "room");
    k_heap_free(&messages, message);
}

struct record {
    unsigned char bytes[75];
};

static void use_system_heap(void)
{
    char *message = (char *)k_malloc(200);
    struct record *record = (struct record *)k_malloc(sizeof(*record));

    if (message != NULL && record != NULL) {
        memset(message, 'x', 200);
        memset(record, 0, sizeof(*record));
        printf("200 and %zu bytes from the system's heap\n", sizeof(*record));
    } else {
        printf("the system's heap is used up\n");
    }
    k_free(record);
    k_free(message);
}

int main(void)
{
    use_own_heap();
    use_system_heap();
    return 0;
}
