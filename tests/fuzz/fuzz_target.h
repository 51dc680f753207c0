/* SPDX-License-Identifier: Apache-2.0 */
/* What every fuzz target is: the one function that libFuzzer and AFL++ call with their bytes, and
 * replay.c with those of files. It returns 0, and aborts if it finds a defect. */
#ifndef QUARRY_TESTS_FUZZ_TARGET_H
#define QUARRY_TESTS_FUZZ_TARGET_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

#endif
