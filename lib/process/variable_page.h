/* SPDX-License-Identifier: Apache-2.0 */
/* On which pages variables lie, so that few are touched where many processes start and fork. */
#ifndef QUARRY_PROCESS_VARIABLE_PAGE_H
#define QUARRY_PROCESS_VARIABLE_PAGE_H

/* The parent and the child of a fork each take a page fault, and copy the page, for the first word
 * of it that they write afterwards: so what both write is together, beside the library's
 * initialised variables, some of which a fork writes anyway. */
#define WRITTEN_BY_FORK __attribute__((section(".data")))

/* In the preloaded malloc, whose linker sorts by name, all other variables come first: so they are
 * on one page, which a program that starts touches anyway. The first of these two, of which little
 * is looked at then, is next to them; what is large or of no use then is the last. */
#define BEHIND_OTHER_VARIABLES __attribute__((section(".bss.z1")))
#define LAST_OF_VARIABLES      __attribute__((section(".bss.z2")))

#endif
