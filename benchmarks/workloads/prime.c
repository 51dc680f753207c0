/* SPDX-License-Identifier: Apache-2.0 */
/* Miller's test. With the first twelve primes for witnesses it is a proof below 2^64. */
#include "prime.h"

__extension__ typedef unsigned __int128 wide;

static const uint64_t witnesses[] = {2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37};

#define WITNESSES (sizeof(witnesses) / sizeof(witnesses[0]))

static uint64_t product(uint64_t a, uint64_t b, uint64_t modulus)
{
    return (uint64_t)((wide)a * b % modulus);
}

uint64_t prime_power(uint64_t base, uint64_t exponent, uint64_t modulus)
{
    uint64_t power = 1 % modulus;

    for (base %= modulus; exponent > 0; exponent >>= 1) {
        if ((exponent & 1) != 0) {
            power = product(power, base, modulus);
        }
        base = product(base, base, modulus);
    }
    return power;
}

/* True iff the witness shows that `value`, which is odd, is no prime. */
static bool is_betrayed(uint64_t value, uint64_t witness)
{
    unsigned int twos = (unsigned int)__builtin_ctzll(value - 1);
    uint64_t power = prime_power(witness, (value - 1) >> twos, value);

    if (power == 1) {
        return false;
    }
    for (unsigned int i = 0; i < twos; i++) {
        if (power == value - 1) {
            return false;
        }
        power = product(power, power, value);
    }
    return true;
}

bool prime_is(uint64_t value)
{
    for (size_t i = 0; i < WITNESSES; i++) {
        if (value % witnesses[i] == 0) {
            return value == witnesses[i];
        }
    }
    for (size_t i = 0; i < WITNESSES; i++) {
        if (is_betrayed(value, witnesses[i])) {
            return false;
        }
    }
    return value > 1;
}

uint64_t prime_random(struct random *random, unsigned int bits)
{
    uint64_t value;

    do {
        value = (random_bits(random) >> (64 - bits)) | (UINT64_C(1) << (bits - 1)) | 1;
    } while (!prime_is(value));
    return value;
}
