/* SPDX-License-Identifier: Apache-2.0 */
/* posix_spawn, system and popen work while other threads allocate, and what they start runs on the
 * allocator too. */
#include <spawn.h>

#include "../children.h"

static void spawn_shell(void)
{
    char *words[] = {"sh", "-c", "exit 0", NULL};
    pid_t child = 0;
    EXPECT(posix_spawn(&child, "/bin/sh", NULL, NULL, words, environ) == 0);
    expect_exits_0(child);
}

static void read_from_shell(void)
{
    char text[16] = "";
    FILE *pipe = popen("echo quarry", "re");
    EXPECT(pipe != NULL && fgets(text, sizeof(text), pipe) == text);
    EXPECT(strcmp(text, "quarry\n") == 0 && pclose(pipe) == 0);
}

static void test(char **argv)
{
    struct background background;
    background_start(&background);
    for (int i = 0; i < 30; i++) {
        spawn_shell();
        EXPECT(system("exit 0") == 0);
        read_from_shell();
    }
    background_stop(&background);
}
