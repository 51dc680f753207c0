/* SPDX-License-Identifier: Apache-2.0 */
/* Calls a fuzz target with the bytes of files, without a fuzzer.
 *
 *     PROGRAM FILE_OR_DIRECTORY...
 *
 * Of a directory, all files in it (and no directories) are taken, in no order. Prints how many
 * files there were. Exit: 0 the target did not abort, 2 a file cannot be read, or there was none.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "fuzz_target.h"

#define FILE_MAX  ((size_t)1 << 20)
#define PATH_SIZE 4096u
#define EXIT_ARGS 2

static size_t files_run;

static _Noreturn void refuse(const char *path)
{
    fprintf(stderr, "replay: %s: %s\n", path, strerror(errno));
    exit(EXIT_ARGS);
}

/* The target gets bytes of a size of their own, so that a sanitizer sees a read behind them. */
static void run_file(const char *path)
{
    static uint8_t buffer[FILE_MAX];
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        refuse(path);
    }
    size_t length = fread(buffer, 1, sizeof buffer, file);
    fclose(file);
    uint8_t *bytes = malloc(length + (length == 0));
    if (bytes == NULL) {
        refuse(path);
    }
    memcpy(bytes, buffer, length);
    fprintf(stderr, "%s\n", path); /* the last one printed is the one that failed */
    (void)LLVMFuzzerTestOneInput(bytes, length);
    free(bytes);
    files_run++;
}

static void run_directory(const char *path)
{
    DIR *directory = opendir(path);
    if (directory == NULL) {
        refuse(path);
    }
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        char name[PATH_SIZE];
        struct stat status;
        snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        if (stat(name, &status) == 0 && S_ISREG(status.st_mode)) {
            run_file(name);
        }
    }
    closedir(directory);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        struct stat status;
        if (stat(argv[i], &status) != 0) {
            refuse(argv[i]);
        }
        if (S_ISDIR(status.st_mode)) {
            run_directory(argv[i]);
        } else {
            run_file(argv[i]);
        }
    }
    printf("%zu files\n", files_run);
    return files_run > 0 ? EXIT_SUCCESS : EXIT_ARGS;
}
