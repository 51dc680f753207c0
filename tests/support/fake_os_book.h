/* SPDX-License-Identifier: Apache-2.0 */
/* The memory of the fake operating system: what fake_os.c does to it once the script has decided
 * whether a call fails. No lock: the caller has one. Every function aborts on use against the
 * contract of lib/os/os.h, also if the call is to fail. */
#ifndef QUARRY_TESTS_FAKE_OS_BOOK_H
#define QUARRY_TESTS_FAKE_OS_BOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "fake_os.h"

extern size_t book_page_bytes;

/* `call` is FAKE_OS_RESERVE or FAKE_OS_MAP; NULL if there is no such address space. */
void *book_make(enum fake_os_call call, size_t bytes, size_t align, bool fails);
void book_commit(void *start, size_t bytes, bool fails);
void book_make_readable(void *start, size_t bytes, bool fails);
/* Before the watcher of os_decommit runs, and when it is over. */
void book_begin_decommit(void *start, size_t bytes);
void book_decommit(void *start, size_t bytes, bool fails);
void book_discard(void *start, size_t bytes, bool fails);
void book_unmap(void *start, size_t bytes, bool fails);
/* False if it is to fail, or if there is no room behind. */
bool book_resize(void *start, size_t old_bytes, size_t new_bytes, bool fails);
void book_move(void *start, size_t old_bytes, void *target, size_t new_bytes, bool fails);
void book_move_out(void *start, size_t old_bytes, void *target, size_t new_bytes, bool fails);
/* Calls that other threads were in do not end here. */
void book_after_fork_in_child(void);
void book_require_known(void *start, size_t bytes);

size_t book_reserved_bytes(void);
size_t book_usable_bytes(void);
/* Whether everything from address to end is usable. */
bool book_is_usable(uintptr_t address, uintptr_t end);

#endif
