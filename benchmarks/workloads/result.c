/* SPDX-License-Identifier: Apache-2.0 */
/* Collects what a workload found, and prints it as one line. Standard output has a static buffer,
 * so that not even the printing allocates. */
#include "result.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include "resident.h"

#define MOST_METRICS      24u
#define MOST_SAMPLES      400u
#define OUTPUT_BYTES      16384u
#define SECOND_NS         1e9
#define MOST_EXACT_DOUBLE 0x1p53

static struct {
    const struct workload *workload;
    uint64_t operations;
    uint64_t check;
    uint64_t work_ns;
    struct {
        const char *name;
        double value;
    } metrics[MOST_METRICS];
    size_t metric_count;
    struct {
        uint64_t milliseconds;
        uint64_t bytes;
    } samples[MOST_SAMPLES];
    size_t sample_count;
    uint64_t samples_taken;
    uint64_t samples_per_kept; /* a power of two */
} result = {.samples_per_kept = 1};

static char output[OUTPUT_BYTES];

void result_begin(const struct workload *workload)
{
    result.workload = workload;
    (void)setvbuf(stdout, output, _IOFBF, sizeof(output));
}

void result_flush(void)
{
    if (fflush(stdout) != 0 || ferror(stdout) != 0) {
        workload_refuse("standard output cannot be written");
    }
}

const char *result_name(void)
{
    return result.workload == NULL ? "workload" : result.workload->name;
}

void result_add_time(uint64_t ns)
{
    result.work_ns += ns;
}

void workload_count(uint64_t operations, uint64_t check)
{
    result.operations += operations;
    result.check += check;
}

void workload_metric(const char *name, double value)
{
    if (result.metric_count == MOST_METRICS) {
        workload_give_up("room for a metric");
    }
    result.metrics[result.metric_count].name = name;
    result.metrics[result.metric_count].value = value;
    result.metric_count++;
}

/* Of the samples, those whose number was even stay. */
static void thin_out_samples(void)
{
    for (size_t i = 0; i < MOST_SAMPLES / 2; i++) {
        result.samples[i] = result.samples[2 * i];
    }
    result.sample_count = MOST_SAMPLES / 2;
    result.samples_per_kept *= 2;
}

uint64_t workload_sample(void)
{
    uint64_t bytes = resident_bytes();

    if (result.sample_count == MOST_SAMPLES) {
        thin_out_samples();
    }
    if (result.samples_taken % result.samples_per_kept == 0) {
        result.samples[result.sample_count].milliseconds = (uint64_t)workload_milliseconds();
        result.samples[result.sample_count].bytes = bytes;
        result.sample_count++;
    }
    result.samples_taken++;
    return bytes;
}

static void print_metric(const char *name, double value)
{
    bool is_whole = floor(value) == value && fabs(value) < MOST_EXACT_DOUBLE;

    (void)printf(is_whole ? ", \"%s\": %.0f" : ", \"%s\": %.6g", name, value);
}

static void print_samples(void)
{
    (void)printf(", \"rss_samples\": [");
    for (size_t i = 0; i < result.sample_count; i++) {
        (void)printf("%s[%" PRIu64 ", %" PRIu64 "]", i == 0 ? "" : ", ",
                     result.samples[i].milliseconds, result.samples[i].bytes);
    }
    (void)printf("]");
}

int workload_end(void)
{
    uint64_t peak_bytes = resident_peak_bytes();

    (void)printf("{\"workload\": \"%s\", \"parameters\": {", result.workload->name);
    options_print();
    (void)printf("}, \"operations\": %" PRIu64 ", \"check\": \"%016" PRIx64 "\", \"metrics\": {",
                 result.operations, result.check);
    (void)printf("\"work_seconds\": %.6f", (double)result.work_ns / SECOND_NS);
    print_metric("peak_rss_bytes", (double)peak_bytes);
    for (size_t i = 0; i < result.metric_count; i++) {
        print_metric(result.metrics[i].name, result.metrics[i].value);
    }
    (void)printf("}");
    if (result.workload->has_samples) {
        print_samples();
    }
    (void)printf("}\n");
    result_flush();
    return EXIT_SUCCESS;
}
