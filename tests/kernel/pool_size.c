/* SPDX-License-Identifier: Apache-2.0 */
/* The system heap is as large as the program was compiled with, or as its environment says. Runs
 * itself with several texts in QUARRY_OPTIONS, and compares what it then has and what it is told on
 * standard error. Exit: 0 if all was as expected. Also compiled as C++. */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zephyr/kernel.h>
#include "../support/complaints.h"
#include "expect.h"
#include "pool_size.h"

#define OWNER_BYTES sizeof(struct k_heap *)
#define UNKNOWN     "quarry: unknown option in QUARRY_OPTIONS, skipped: colour\n"
#define BAD         "quarry: bad value of option in QUARRY_OPTIONS, skipped: system_heap\n"

static void *early_block;

/* Of the highest priority that programs may use. */
__attribute__((constructor(101))) static void use_early(void)
{
    early_block = k_malloc(1);
}

/* The program that is looked at; its argument says how large the heap is. */
static int look(size_t bytes)
{
    struct sys_memory_stats stats;

    EXPECT((early_block != NULL) == (bytes != 0));
    k_free(early_block);
    if (bytes == 0) {
        EXPECT(k_malloc(0) == NULL);
        return failed_line;
    }
    void *block = k_malloc(bytes - OWNER_BYTES);
    EXPECT(block != NULL);
    EXPECT(((struct k_heap **)block)[-1] == &_system_heap);
    k_free(block);
    EXPECT(k_malloc(bytes - OWNER_BYTES + 8) == NULL);
    if (sys_heap_runtime_stats_get(&_system_heap.heap, &stats) == 0) {
        EXPECT(stats.allocated_bytes == 0);
        EXPECT(stats.free_bytes >= bytes && stats.free_bytes < bytes + 8);
    }
    return failed_line;
}

/* Reads to the end of the file, or until there is no more room. */
static void read_text(int file, char *text, size_t size)
{
    ssize_t got;
    size_t used = 0;

    while ((got = read(file, text + used, size - 1 - used)) > 0) {
        used += (size_t)got;
    }
    text[used] = '\0';
}

static void become_other(const char *program, const char *options, size_t bytes, int errors)
{
    char number[30];

    snprintf(number, sizeof(number), "%zu", bytes);
    unsetenv("QUARRY_OPTIONS");
    if (options != NULL) {
        setenv("QUARRY_OPTIONS", options, 1);
    }
    dup2(errors, STDERR_FILENO);
    execl(program, program, number, (char *)NULL);
    _exit(127);
}

/* Runs the program with these options. */
static void expect_size(const char *program, const char *options, size_t bytes,
                        const char *complaint)
{
    char text[1000];
    int status = -1;
    int ends[2];

    EXPECT(pipe(ends) == 0);
    pid_t child = fork();
    if (child == 0) {
        become_other(program, options, bytes, ends[1]);
    }
    close(ends[1]);
    read_text(ends[0], text, sizeof(text));
    close(ends[0]);
    EXPECT(waitpid(child, &status, 0) == child);
    if (status != 0 || !are_complaints(text, complaint)) {
        fprintf(stderr, "with \"%s\": status %x, line %d, standard error \"%s\"\n",
                options != NULL ? options : "(unset)", (unsigned int)status, WEXITSTATUS(status),
                text);
        EXPECT(status == 0 && are_complaints(text, complaint));
    }
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        return look(strtoul(argv[1], NULL, 10));
    }
    expect_size(argv[0], NULL, POOL_SIZE_WANTED, "");
    expect_size(argv[0], "", POOL_SIZE_WANTED, "");
    expect_size(argv[0], "system_heap=64k", 65536, "");
    expect_size(argv[0], "arenas=1,system_heap=1000", 1000, "");
    expect_size(argv[0], "system_heap=0", 0, "");
    expect_size(argv[0], "system_heap=64k,system_heap=x", 65536, BAD);
    expect_size(argv[0], "system_heap=99g", POOL_SIZE_WANTED, BAD);
    expect_size(argv[0], "colour=red,system_heap=64k", 65536, UNKNOWN);
    EXPECT(pool_size_elsewhere() == K_HEAP_MEM_POOL_SIZE);
    if (failed_line != 0) {
        fprintf(stderr, "pool_size.c: line %d\n", failed_line);
    }
    return failed_line == 0 ? 0 : 1;
}
