/* SPDX-License-Identifier: Apache-2.0 */
/* Row 11: a sanitizer sees writes past the end of a heap's block, before it, and after it was
 * freed.
 *
 * Byte by byte, and by the C library's functions for memory and strings; in blocks of any size, and
 * after a resize as well. What is right is not reported. Zephyr has a sanitizer of its own for
 * that; here it is AddressSanitizer.
 *
 *     row_11_memory_errors DEED
 *
 * Does one deed; tests/sanitizers/meson.build says what is reported of it. Addresses of blocks are
 * printed to standard error. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zephyr/kernel.h>

#define HEAP_BYTES 8192u
#define BYTES      37u /* so that there is room behind it that belongs to nobody */

K_HEAP_DEFINE(heap, HEAP_BYTES);

/* The compiler must not see through what is wrong. */
static char *volatile block;
static const char *volatile text = "0123456789012345678901234567890123456789"; /* and a final 0 */
static volatile size_t size = BYTES;

static char *announced(char *mem)
{
    if (mem == NULL) {
        exit(3);
    }
    fprintf(stderr, "block %p\n", (void *)mem);
    return mem;
}

static void take(void)
{
    block = announced(k_heap_alloc(&heap, BYTES, K_NO_WAIT));
}

static void take_and_free(void)
{
    take();
    memset(block, 0, BYTES);
    k_heap_free(&heap, block);
}

/* --- Writes of single bytes --- */

static void overflow(void)
{
    take();
    block[size] = 1;
}

static void underflow(void)
{
    take();
    block[-1] = 1;
}

static void use_after_free(void)
{
    take_and_free();
    block[size / 2] = 1;
}

static void overflow_of_aligned(void)
{
    block = announced(k_heap_aligned_alloc(&heap, 64, BYTES, K_NO_WAIT));
    block[size] = 1;
}

static void overflow_of_grown(void)
{
    take();
    block = announced(k_heap_realloc(&heap, block, 3 * BYTES, K_NO_WAIT));
    block[3 * size] = 1;
}

static void overflow_of_shrunk(void)
{
    block = announced(k_heap_alloc(&heap, 3 * BYTES, K_NO_WAIT));
    block = announced(k_heap_realloc(&heap, block, BYTES, K_NO_WAIT));
    block[size] = 1;
}

static void use_after_move(void)
{
    take();
    char *volatile old = block;
    void *obstacle = k_heap_alloc(&heap, 8, K_NO_WAIT);
    char *moved = k_heap_realloc(&heap, block, 10 * BYTES, K_NO_WAIT);

    if (obstacle == NULL || moved == NULL || moved == old) {
        exit(3);
    }
    old[0] = 1;
}

/* --- Writes of many bytes --- */

static void overflow_by_memset(void)
{
    take();
    memset(block, 1, size + 1);
}

static void overflow_by_memcpy(void)
{
    take();
    memcpy(block, text, size + 1);
}

static void overflow_by_memmove(void)
{
    take();
    memset(block, 1, BYTES);
    memmove(block + 1, block, size);
}

static void overflow_by_strcpy(void)
{
    take();
    strcpy(block, text);
}

static void overflow_by_strncpy(void)
{
    take();
    strncpy(block, "short", size + 1); /* which fills up with 0 */
}

static void overflow_by_strcat(void)
{
    take();
    strcpy(block, "somewhat long, ");
    strcat(block, text);
}

static void overflow_by_snprintf(void)
{
    take();
    snprintf(block, size + 3, "%s", text);
}

static void use_after_free_by_memset(void)
{
    take_and_free();
    memset(block, 1, size);
}

/* --- What is right --- */

static void write_all(char *mem, size_t bytes)
{
    memset(mem, 1, bytes);
    mem[0] = mem[bytes - 1] = 2;
}

static void use_each_size(void)
{
    for (size_t bytes = 1; bytes < HEAP_BYTES / 4; bytes += 1 + bytes / 16) {
        char *mem = announced(k_heap_alloc(&heap, bytes, K_NO_WAIT));
        char *aligned = announced(k_heap_aligned_alloc(&heap, 32, bytes / 2 + 1, K_NO_WAIT));

        write_all(mem, bytes);
        write_all(aligned, bytes / 2 + 1);
        mem = announced(k_heap_realloc(&heap, mem, bytes / 2 + 1, K_NO_WAIT));
        write_all(mem, bytes / 2 + 1);
        mem = announced(k_heap_realloc(&heap, mem, bytes + 20, K_NO_WAIT));
        write_all(mem, bytes + 20);
        k_heap_free(&heap, mem);
        k_heap_free(&heap, aligned);
    }
}

static void use_strings(void)
{
    take();
    strncpy(block, text, BYTES - 1);
    block[BYTES - 1] = '\0';
    memmove(block, block + 1, BYTES - 1);
    snprintf(block, BYTES, "%s", text);
    if (strlen(block) != BYTES - 1) {
        exit(3);
    }
    k_heap_free(&heap, block);
}

struct deed {
    const char *name;
    void (*commit)(void);
};

static const struct deed deeds[] = {
    {"overflow", overflow},
    {"underflow", underflow},
    {"use_after_free", use_after_free},
    {"overflow_of_aligned", overflow_of_aligned},
    {"overflow_of_grown", overflow_of_grown},
    {"overflow_of_shrunk", overflow_of_shrunk},
    {"use_after_move", use_after_move},
    {"overflow_by_memset", overflow_by_memset},
    {"overflow_by_memcpy", overflow_by_memcpy},
    {"overflow_by_memmove", overflow_by_memmove},
    {"overflow_by_strcpy", overflow_by_strcpy},
    {"overflow_by_strncpy", overflow_by_strncpy},
    {"overflow_by_strcat", overflow_by_strcat},
    {"overflow_by_snprintf", overflow_by_snprintf},
    {"use_after_free_by_memset", use_after_free_by_memset},
    {"use_each_size", use_each_size},
    {"use_strings", use_strings},
};

int main(int argc, char **argv)
{
    for (size_t i = 0; argc == 2 && i < ARRAY_SIZE(deeds); i++) {
        if (strcmp(argv[1], deeds[i].name) == 0) {
            deeds[i].commit();
            return 0;
        }
    }
    return 2;
}
