/* SPDX-License-Identifier: Apache-2.0 */
/* Threads that allocate get fifty times, all at once, the signal that asks for a report: each
 * writes one, and each report is whole. Where they go is the first option in QUARRY_OPTIONS. */
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>

#include "../children.h"

enum { ROUNDS = 50, ASKED = BACKGROUND_THREADS + 1, TEXT_MOST = 8 * 1024 * 1024 };

static const char *report_path(void)
{
    static char path[256];
    const char *value = strchr(getenv("QUARRY_OPTIONS"), '=') + 1;
    snprintf(path, sizeof(path), "%.*s", (int)strcspn(value, ","), value);
    return path;
}

static char text[TEXT_MOST];

static void read_reports(void)
{
    int file = open(report_path(), O_RDONLY | O_CLOEXEC);
    size_t bytes = 0;
    ssize_t got = 0;
    while (file >= 0 && (got = read(file, text + bytes, sizeof(text) - 1 - bytes)) > 0) {
        bytes += (size_t)got;
    }
    text[bytes] = '\0';
    close(file);
}

static int starts(const char *line, const char *word)
{
    return strncmp(line, word, strlen(word)) == 0;
}

/* A line of the table: numbers, or what stands for them. */
static int is_row(const char *line)
{
    return starts(line, "  ") && strspn(line, " 0123456789busyal") == strcspn(line, "\n");
}

/* The lines that a report is made of; rows follow some of them. */
static const char *const parts[] = {"quarry pid=",    "bytes: ",  "calls: ",
                                    "   block ",      "slices: ", "   arena ",
                                    "large blocks: ", "caches: ", "letters: "};
enum { PARTS = sizeof(parts) / sizeof(parts[0]) };

/* Where the next report begins; *line is the first one's. Parts of slabs and arenas may be absent.
 */
static const char *skip_report(const char *line)
{
    size_t part = 0;
    while (part < PARTS) {
        if (starts(line, parts[part])) {
            line += strcspn(line, "\n") + 1;
            while (part >= 3 && is_row(line)) {
                line += strcspn(line, "\n") + 1;
            }
        } else {
            in_case(line, part);
            EXPECT(part >= 3 && part <= 5);
        }
        part++;
    }
    return line;
}

/* Last lines of reports that are there so far: the one behind them may be being written. */
static size_t count_ends(void)
{
    size_t count = 0;
    read_reports();
    for (const char *end = text; (end = strstr(end, "\nletters: ")) != NULL; end++) {
        count += strchr(end + 1, '\n') != NULL;
    }
    return count;
}

static size_t count_whole_reports(void)
{
    size_t count = 0;
    read_reports();
    for (const char *line = text; *line != '\0'; count++) {
        line = skip_report(line);
    }
    return count;
}

static void test(char **argv)
{
    static struct background background;
    background_start(&background);
    for (size_t round = 1; round <= ROUNDS; round++) {
        for (int i = 0; i < BACKGROUND_THREADS; i++) {
            EXPECT(pthread_kill(background.threads[i], SIGUSR1) == 0);
        }
        EXPECT(raise(SIGUSR1) == 0);
        while (count_ends() < round * ASKED) {
            free(malloc(100000));
        }
        EXPECT(count_whole_reports() == round * ASKED);
    }
    background_stop(&background);
}
