/* SPDX-License-Identifier: Apache-2.0 */
/* Reports: a census as text. No stdio, no allocation, no lock, little stack. */
#ifndef QUARRY_PROCESS_REPORT_H
#define QUARRY_PROCESS_REPORT_H

#include "process/census.h"

struct line;

/* Where the text goes: a function that is called for each line of it, and what it is given. */
struct report_sink {
    quarry_malloc_writer write;
    void *arg;
};

/* Ends a line, and gives it to the sink; then it is empty. */
void report_write_line(const struct report_sink *sink, struct line *line);

/* Writes the census in one of its forms. */
void report_write(const struct census *census, enum quarry_malloc_report_form form,
                  const struct report_sink *sink);

/* The form for programs that read XML; in report_xml.c. */
void report_write_xml(const struct census *census, const struct report_sink *sink);

/* Has the options that are about reports take effect; in report_events.c. Once they are read. */
void report_begin(void);

#endif
