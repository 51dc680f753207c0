/* SPDX-License-Identifier: Apache-2.0 */
/* A slab of six packets of 400 bytes. Who finds all of them in use waits up to 100 milliseconds,
 * and then does without one. */
#include <stdio.h>
#include <string.h>
#include <zephyr/kernel.h>

#define PACKETS 6

K_MEM_SLAB_DEFINE(packets, 400, PACKETS, 4);

static char *new_packet(const char *text)
{
    void *block;

    if (k_mem_slab_alloc(&packets, &block, K_MSEC(100)) != 0) {
        printf("no packet for \"%s\" within 100 ms\n", text);
        return NULL;
    }
    return strcpy((char *)block, text);
}

int main(void)
{
    static const char *const texts[PACKETS] = {"one", "two", "three", "four", "five", "six"};
    char *sent[PACKETS];

    for (int i = 0; i < PACKETS; i++) {
        sent[i] = new_packet(texts[i]);
    }
    printf("%u of %d packets in use\n", k_mem_slab_num_used_get(&packets), PACKETS);
    new_packet("seven"); /* nobody gives one back meanwhile */

    k_mem_slab_free(&packets, sent[2]);
    char *packet = new_packet("eight");
    printf("\"%s\" is where \"three\" was: %s\n", packet, packet == sent[2] ? "yes" : "no");
    sent[2] = packet;

    for (int i = 0; i < PACKETS; i++) {
        k_mem_slab_free(&packets, sent[i]);
    }
    printf("%u packets are free\n", k_mem_slab_num_free_get(&packets));
    return 0;
}
