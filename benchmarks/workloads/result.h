/* SPDX-License-Identifier: Apache-2.0 */
/* Between workload.c, options.c and result.c. Workloads do not include it. */
#ifndef QUARRY_WORKLOADS_RESULT_H
#define QUARRY_WORKLOADS_RESULT_H

#include "workload.h"

void result_begin(const struct workload *workload);
const char *result_name(void); /* before result_begin: "workload" */
void result_add_time(uint64_t ns);
void result_flush(void); /* standard output; gives up if that fails */

void options_read(const struct workload *workload, int argc, char **argv);
void options_print(void); /* as members of a JSON object */

#endif
