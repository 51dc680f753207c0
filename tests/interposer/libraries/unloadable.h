/* SPDX-License-Identifier: Apache-2.0 */
#ifndef QUARRY_TESTS_INTERPOSER_UNLOADABLE_H
#define QUARRY_TESTS_INTERPOSER_UNLOADABLE_H

#include "../blocks.h"

/* A new block, which stays valid when the library is closed. */
struct block make_block(void);

#endif
