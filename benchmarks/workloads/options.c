/* SPDX-License-Identifier: Apache-2.0 */
/* Options of the form --name value: those of every workload, then its own. */
#include "result.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_OPTIONS   24
#define COMMON_OPTIONS 3
#define MOST_LINE      160

uint64_t workload_threads = 1;
uint64_t workload_seed = 1;
double workload_scale = 1.0;

static const char *scale_text = "1";

static const struct workload_option common_options[COMMON_OPTIONS + 1] = {
    {"threads", "threads that work, which share the work out", &workload_threads, 1,
     WORKLOAD_MOST_THREADS, NULL, NULL},
    {"seed", "of the random numbers", &workload_seed, 0, UINT64_MAX, NULL, NULL},
    {"scale", "times the amount of work, such as 0.1", NULL, 0, 0, NULL, &scale_text},
    {NULL, NULL, NULL, 0, 0, NULL, NULL},
};

/* The common options and those of the workload, in the order in which getopt_long numbers them. */
static const struct workload_option *all[MOST_OPTIONS];
static int all_count;

static void gather(const struct workload_option *options)
{
    for (; options != NULL && options->name != NULL; options++) {
        if (all_count == MOST_OPTIONS) {
            workload_give_up("room for an option");
        }
        all[all_count++] = options;
    }
}

static void print_option(const struct workload_option *option)
{
    (void)printf("  --%-20s %s", option->name, option->meaning);
    if (option->text != NULL) {
        (void)printf(*option->text == NULL ? "\n" : " [%s]\n", *option->text);
        return;
    }
    if (option->choices == NULL) {
        (void)printf(" [%" PRIu64 "]\n", *option->value);
        return;
    }
    for (size_t i = 0; option->choices[i] != NULL; i++) {
        (void)printf("%s%s", i == 0 ? ": " : " | ", option->choices[i]);
    }
    (void)printf(" [%s]\n", option->choices[*option->value]);
}

static noreturn void print_help(const struct workload *workload)
{
    (void)printf("%s [--option value]...\n\n%s\n\n", workload->name, workload->meaning);
    for (int i = 0; i < all_count; i++) {
        print_option(all[i]);
    }
    result_flush();
    exit(EXIT_SUCCESS);
}

static noreturn void refuse(const struct workload_option *option, const char *text)
{
    char line[MOST_LINE];

    (void)snprintf(line, sizeof(line), "--%s cannot be '%s'", option->name, text);
    workload_refuse(line);
}

/* The power of 1024 that a number's unit is; 0 for what is no unit. */
static uint64_t unit_of(const char *suffix)
{
    static const char letters[] = "KMG";
    const char *letter = *suffix == '\0' ? NULL : strchr(letters, *suffix);

    if (*suffix == '\0') {
        return 1;
    }
    return letter == NULL || suffix[1] != '\0' ? 0 : UINT64_C(1024) << (10 * (letter - letters));
}

static uint64_t read_number(const struct workload_option *option, const char *text)
{
    char *suffix;
    uint64_t unit;
    uint64_t number;

    errno = 0;
    number = strtoull(text, &suffix, 10);
    unit = unit_of(suffix);
    if (errno != 0 || suffix == text || *text == '-' || unit == 0 || number > UINT64_MAX / unit ||
        number * unit < option->least || number * unit > option->most) {
        refuse(option, text);
    }
    return number * unit;
}

static uint64_t read_choice(const struct workload_option *option, const char *text)
{
    for (uint64_t i = 0; option->choices[i] != NULL; i++) {
        if (strcmp(option->choices[i], text) == 0) {
            return i;
        }
    }
    refuse(option, text);
}

static void read_option(const struct workload_option *option, char *text)
{
    if (option->text != NULL) {
        *option->text = text;
    } else if (option->choices != NULL) {
        *option->value = read_choice(option, text);
    } else {
        *option->value = read_number(option, text);
    }
}

static void read_scale(void)
{
    char *end;

    workload_scale = strtod(scale_text, &end);
    if (end == scale_text || *end != '\0' || !(workload_scale > 0) || isinf(workload_scale)) {
        refuse(&common_options[COMMON_OPTIONS - 1], scale_text);
    }
}

void options_read(const struct workload *workload, int argc, char **argv)
{
    struct option names[MOST_OPTIONS + 2] = {0};
    int which;

    gather(common_options);
    gather(workload->options);
    for (int i = 0; i < all_count; i++) {
        names[i] = (struct option){all[i]->name, required_argument, NULL, i};
    }
    names[all_count] = (struct option){"help", no_argument, NULL, MOST_OPTIONS};
    while ((which = getopt_long(argc, argv, "", names, NULL)) != -1) {
        if (which == MOST_OPTIONS) {
            print_help(workload);
        } else if (which == '?') {
            workload_refuse("see --help");
        }
        read_option(all[which], optarg);
    }
    if (optind < argc) {
        workload_refuse("there are options only: see --help");
    }
    read_scale();
    if (workload->most_threads != 0 && workload_threads > workload->most_threads) {
        workload_refuse("more threads than this workload has");
    }
}

/* A text may be a path. */
static void print_string(const char *text)
{
    (void)putchar('"');
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\') {
            (void)putchar('\\');
        }
        (void)putchar((unsigned char)*text < ' ' ? '?' : *text);
    }
    (void)putchar('"');
}

void options_print(void)
{
    (void)printf("\"threads\": %" PRIu64 ", \"seed\": %" PRIu64 ", \"scale\": %.9g",
                 workload_threads, workload_seed, workload_scale);
    for (int i = COMMON_OPTIONS; i < all_count; i++) {
        (void)printf(", \"%s\": ", all[i]->name);
        if (all[i]->text != NULL) {
            print_string(*all[i]->text == NULL ? "" : *all[i]->text);
        } else if (all[i]->choices != NULL) {
            print_string(all[i]->choices[*all[i]->value]);
        } else {
            (void)printf("%" PRIu64, *all[i]->value);
        }
    }
}
