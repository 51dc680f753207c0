/* SPDX-License-Identifier: Apache-2.0 */
/* The real-time mode, which QUARRY_OPTIONS=rt=1 asks for. What it promises: realtime.c. */
#ifndef QUARRY_PROCESS_REALTIME_H
#define QUARRY_PROCESS_REALTIME_H

/* If the mode is asked for, has all that it needs be there. What is missing is reported in a line,
 * and the program goes on. Once the options are read, before there are other threads. */
void realtime_begin(void);

#endif
