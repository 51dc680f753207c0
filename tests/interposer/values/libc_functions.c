/* SPDX-License-Identifier: Apache-2.0 */
/* What libc's own functions allocate, free takes. */
#include <dirent.h>
#include <limits.h>
#include <locale.h>
#include <regex.h>
#include <wchar.h>

#include "../expect.h"

static void read_lines(void)
{
    char *line = NULL;
    char *text = NULL;
    size_t capacity = 0;
    size_t bytes = 0;
    FILE *memory = open_memstream(&text, &bytes);
    EXPECT(memory != NULL && fprintf(memory, "%05000d\n", 7) == 5001 && fclose(memory) == 0);
    memory = fmemopen(text, bytes, "r");
    EXPECT(memory != NULL && getline(&line, &capacity, memory) == 5001);
    fclose(memory);
    free(line);
    free(text);
}

static void scan_directory(void)
{
    struct dirent **entries = NULL;
    int count = scandir("/", &entries, NULL, alphasort);
    EXPECT(count > 2);
    for (int i = 0; i < count; i++) {
        free(entries[i]);
    }
    free(entries);
}

static void test(char **argv)
{
    char *text = NULL;
    regex_t pattern;
    EXPECT(asprintf(&text, "%s %300d", "a", 1) == 302);
    free(text);
    free(strdup("quarry"));
    free(wcsdup(L"quarry"));
    free(getcwd(NULL, 0));
    free(realpath("/proc/../", NULL));
    EXPECT(setlocale(LC_ALL, "") != NULL);
    EXPECT(regcomp(&pattern, "(a|b)*c{1,100}[[:alpha:]]", REG_EXTENDED) == 0);
    EXPECT(regexec(&pattern, "ababccx", 0, NULL, 0) == 0);
    regfree(&pattern);
    read_lines();
    scan_directory();
}
