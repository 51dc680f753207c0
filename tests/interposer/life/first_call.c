/* SPDX-License-Identifier: Apache-2.0 */
/* Each function may be the very first call that a process makes: the program runs itself once for
 * each, and a preinit function makes that call. */
#include <spawn.h>
#include <sys/wait.h>

#include "../entry_points.h"

enum { ENTRY_POINTS = sizeof(entry_points) / sizeof(entry_points[0]), OTHERS = 9 };

static void *early;

static void call_other(int number)
{
    void (*const sized)(void *, size_t) = free_sized;
    switch (number) {
    case 0:
        free(hidden(NULL));
        break;
    case 1:
        EXPECT(malloc_usable_size(hidden(NULL)) == 0);
        break;
    case 2:
        EXPECT(mallinfo2().hblkhd < GIB);
        break;
    case 3:
        malloc_trim(0);
        break;
    case 4:
        mallopt(M_MMAP_THRESHOLD, 100000);
        break;
    case 5:
        malloc_stats();
        break;
    case 6:
        early = strdup("first");
        break;
    case 7:
        EXPECT(aligned_alloc(16, hidden_size(SIZE_MAX)) == NULL && errno == ENOMEM);
        break;
    default:
        sized != NULL ? sized(hidden(NULL), 8) : free(NULL);
        break;
    }
}

static void make_first_call(int argc, char **argv)
{
    int number = argc > 1 ? atoi(argv[1]) : -1;
    if (number >= ENTRY_POINTS) {
        call_other(number - ENTRY_POINTS);
    } else if (number >= 0) {
        early = entry_points[number].allocate(100);
        EXPECT(early != NULL && is_aligned(early, entry_points[number].alignment));
    }
}

BEFORE_CONSTRUCTORS(make_first_call);

static void run_with_first_call(char *program, int number)
{
    char text[12];
    char *words[] = {program, text, NULL};
    pid_t child;
    int status;
    snprintf(text, sizeof(text), "%d", number);
    in_case("number", (size_t)number);
    EXPECT(posix_spawn(&child, program, NULL, NULL, words, environ) == 0);
    EXPECT(waitpid(child, &status, 0) == child && status == 0);
}

static void test(char **argv)
{
    free(early);
    void *block = malloc(100);
    EXPECT(block != NULL && block != hidden(NULL));
    free(block);
    for (int number = 0; argv[1] == NULL && number < ENTRY_POINTS + OTHERS; number++) {
        run_with_first_call(argv[0], number);
    }
}
