/* SPDX-License-Identifier: Apache-2.0 */
/* A thread that stays inside of a call until it is let out, while the test looks at what others can
 * do meanwhile. One at a time. */
#ifndef QUARRY_TESTS_INSIDER_H
#define QUARRY_TESTS_INSIDER_H

/* Starts a thread that makes a call, and returns once it stays in there. */
void insider_begin(void *(*call)(void *), void *arg);

/* To be called by whatever the call calls: stays until the thread is let out. */
void insider_stay(void);

/* Any thread, any handler. */
void insider_let_out(void);

/* Waits for the end of a thread that is let out; returns what its call returned. */
void *insider_join(void);

/* Both. */
void *insider_end(void);

#endif
