/* SPDX-License-Identifier: Apache-2.0 */
/* Primes for the workload `factor`, found without the allocator. */
#ifndef QUARRY_WORKLOADS_PRIME_H
#define QUARRY_WORKLOADS_PRIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "random.h"

/* base to the power of exponent, modulo modulus. */
uint64_t prime_power(uint64_t base, uint64_t exponent, uint64_t modulus);

bool prime_is(uint64_t value);

/* A random prime with so many binary digits, 3 to 63. */
uint64_t prime_random(struct random *random, unsigned int bits);

#endif
