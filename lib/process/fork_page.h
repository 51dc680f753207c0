/* SPDX-License-Identifier: Apache-2.0 */
/* Where variables lie that a fork writes. The parent and the child each take a page fault, and copy
 * the page, for the first word of it that they write after a fork: so these are together, beside
 * the library's initialised variables, some of which a fork writes anyway. */
#ifndef QUARRY_PROCESS_FORK_PAGE_H
#define QUARRY_PROCESS_FORK_PAGE_H

#define WRITTEN_BY_FORK __attribute__((section(".data")))

#endif
