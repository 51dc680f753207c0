/* SPDX-License-Identifier: Apache-2.0 */
/* Factors numbers by continued fractions, every intermediate result a block of its own: the method
 * of M. Morrison and J. Brillhart, "A Method of Factoring and the Factorization of F7", Mathematics
 * of Computation, 1975, as cfrac by D. Barrett uses it for a test of allocators.
 *
 * The continued fraction of the square root of k * n gives, step by step, numbers a with
 *
 *      a^2 = (-1)^step * q   modulo n,    q below 2 * sqrt(k * n)
 *
 * Those whose q is a product of small primes are kept (relations.c), until some of them multiply to
 * a square on both sides: x^2 = y^2 modulo n. Then the greatest common divisor of x + y and n is a
 * factor, with a chance of one half. A q that is still large after the smallest primes is given up
 * (C. Pomerance's early abort).
 *
 * Blocks are 8 to 24 bytes and live for part of a step; few per cent live longer. The two primes
 * are known beforehand. That they are found is the check. */
#include <stdlib.h>
#include "block.h"
#include "number.h"
#include "prime.h"
#include "relations.h"
#include "workload.h"

#define LEAST_BITS      40u
#define MOST_BITS       120u
#define MOST_MULTIPLIER 50u
#define EARLY_SHARE     5u /* one of so many primes is tried before the early abort */

static uint64_t bits = 88;
static uint64_t primes = 120;
static uint64_t abort_bits = 10;
static uint64_t numbers = 80;

static const struct workload_option options[] = {
    {"bits", "of each number", &bits, LEAST_BITS, MOST_BITS, NULL, NULL},
    {"primes", "small ones that are tried", &primes, 10, RELATION_MOST_PRIMES, NULL, NULL},
    {"abort-bits", "that the smallest primes must take off", &abort_bits, 0, MOST_BITS, NULL, NULL},
    {"numbers", "of all threads together, times scale", &numbers, 1, UINT32_MAX, NULL, NULL},
    {NULL, NULL, NULL, 0, 0, NULL, NULL},
};

static const struct workload workload = {
    "factor", "Factors numbers of two primes, with arithmetic on tiny blocks.", options, 0, false};

/* The state of the continued fraction, in the usual letters. */
struct expansion {
    const struct number *n; /* to be factored */
    struct number *kn;
    struct number *g; /* root of kn, rounded down */
    struct number *p;
    struct number *q;
    struct number *quotient;
    struct number *a;
    struct number *previous_a;
    uint64_t step;
};

static void begin(struct expansion *e, const struct number *n, uint64_t multiplier)
{
    struct number *k = number_of(multiplier);

    e->n = n;
    e->kn = number_multiply(k, n);
    e->g = number_square_root(e->kn);
    e->p = number_of(0);
    e->q = number_of(1);
    e->quotient = number_copy(e->g);
    e->previous_a = number_of(1);
    e->a = number_remainder(e->g, n);
    e->step = 0;
    number_free(k);
}

static void end(struct expansion *e)
{
    struct number *all[] = {e->kn, e->g, e->p, e->q, e->quotient, e->a, e->previous_a};

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        number_free(all[i]);
    }
}

static void replace(struct number **place, struct number *number)
{
    number_free(*place);
    *place = number;
}

/* p' = quotient * q - p;  q' = (kn - p'^2) / q */
static void advance_p_q(struct expansion *e)
{
    struct number *product = number_multiply(e->quotient, e->q);
    struct number *square;
    struct number *rest;

    replace(&e->p, number_subtract(product, e->p));
    square = number_multiply(e->p, e->p);
    rest = number_subtract(e->kn, square);
    replace(&e->q, number_divide(rest, e->q, NULL));
    number_free(product);
    number_free(square);
    number_free(rest);
    e->step++;
}

/* quotient' = (g + p') / q';  a' = quotient' * a + the a before, modulo n */
static void advance_a(struct expansion *e)
{
    struct number *sum = number_add(e->g, e->p);
    struct number *product;

    replace(&e->quotient, number_divide(sum, e->q, NULL));
    product = number_multiply(e->quotient, e->a);
    replace(&sum, number_add(product, e->previous_a));
    number_free(e->previous_a);
    e->previous_a = e->a;
    e->a = number_remainder(sum, e->n);
    number_free(product);
    number_free(sum);
}

/* Takes a prime out of *rest. How often. */
static unsigned char take_out(struct number **rest, uint32_t prime)
{
    unsigned char times = 0;

    while (number_remainder_small(*rest, prime) == 0) {
        struct number *divisor = number_of(prime);

        replace(rest, number_divide(*rest, divisor, NULL));
        number_free(divisor);
        times++;
    }
    return times;
}

/* True iff q is a product of the small primes, whose exponents are filled in. */
static bool is_smooth(const struct expansion *e, const struct relations *relations,
                      unsigned char exponents[RELATION_COLUMNS])
{
    size_t early = relations->primes_count / EARLY_SHARE;
    size_t most_bits = number_bits(e->g) + 1 - (size_t)abort_bits;
    struct number *rest = number_copy(e->q);
    uint64_t value;
    bool is_one;

    for (size_t i = 0; i < relations->primes_count; i++) {
        if (i == early && number_bits(rest) > most_bits) {
            break;
        }
        exponents[i + 1] = take_out(&rest, relations->primes[i]);
    }
    is_one = number_value(rest, &value) && value == 1;
    number_free(rest);
    return is_one;
}

/* The relation of this step, if its q is smooth; or NULL. */
static struct relation *relation_of(const struct expansion *e, const struct relations *relations)
{
    unsigned char exponents[RELATION_COLUMNS] = {0};
    struct relation *relation;

    if (!is_smooth(e, relations, exponents)) {
        return NULL;
    }
    exponents[0] = e->step % 2;
    relation = relation_new();
    memcpy(relation->exponents, exponents, sizeof(exponents));
    relation->root = number_copy(e->a);
    return relation;
}

/* The primes that can divide a q: kn is a square modulo them, or 0. */
static void choose_primes(struct relations *relations, const struct number *kn)
{
    relations->primes[0] = 2;
    relations->primes_count = 1;
    for (uint32_t prime = 3; relations->primes_count < primes; prime += 2) {
        if (prime_is(prime) &&
            prime_power(number_remainder_small(kn, prime), (prime - 1) / 2, prime) <= 1) {
            relations->primes[relations->primes_count++] = prime;
        }
    }
}

/* Neither 1 nor n; or NULL. Takes the number. */
static struct number *divisor_of(const struct number *n, struct number *number)
{
    struct number *divisor = number_greatest_common_divisor(number, n);
    uint64_t value;

    number_free(number);
    if (number_compare(divisor, n) != 0 && !(number_value(divisor, &value) && value == 1)) {
        return divisor;
    }
    number_free(divisor);
    return NULL;
}

/* A divisor; or NULL if the continued fraction began again before there was one. */
static struct number *expand(struct expansion *e, struct relations *relations)
{
    for (;;) {
        struct relation *relation;
        struct number *sum = NULL;
        struct number *divisor = NULL;
        uint64_t value;

        advance_p_q(e);
        if (number_value(e->q, &value) && value == 1) {
            return NULL;
        }
        relation = relation_of(e, relations);
        if (relation != NULL) {
            sum = relations_add(relations, relation, e->n);
        }
        if (sum != NULL) {
            divisor = divisor_of(e->n, sum);
        }
        if (divisor != NULL) {
            return divisor;
        }
        advance_a(e);
    }
}

static struct number *factor(const struct number *n)
{
    for (uint64_t multiplier = 1; multiplier <= MOST_MULTIPLIER; multiplier++) {
        struct expansion expansion;
        struct relations relations = {0};
        struct number *divisor;

        begin(&expansion, n, multiplier);
        choose_primes(&relations, expansion.kn);
        divisor = expand(&expansion, &relations);
        relations_end(&relations);
        end(&expansion);
        if (divisor != NULL) {
            return divisor;
        }
    }
    workload_fail("no divisor found: arithmetic is broken");
}

/* Not the same: the square root of a square is no continued fraction. */
static uint64_t other_prime(struct random *random, uint64_t one)
{
    uint64_t other;

    do {
        other = prime_random(random, (unsigned int)(bits - bits / 2));
    } while (other == one);
    return other;
}

/* The number's smaller prime. */
static uint64_t work_on(uint64_t index)
{
    struct random random = random_of(workload_seed, index);
    uint64_t one = prime_random(&random, (unsigned int)bits / 2);
    uint64_t other = other_prime(&random, one);
    struct number *left = number_of(one);
    struct number *right = number_of(other);
    struct number *n = number_multiply(left, right);
    struct number *divisor = factor(n);
    uint64_t found;

    if (!number_value(divisor, &found) || (found != one && found != other)) {
        workload_fail("wrong divisor: numbers have lost their contents");
    }
    number_free(left);
    number_free(right);
    number_free(n);
    number_free(divisor);
    return one < other ? one : other;
}

static void work(struct worker *worker)
{
    uint64_t count = workload_scaled(numbers, 1);

    number_operations = 0;
    for (uint64_t i = worker->index; i < count; i += workload_threads) {
        worker->check += random_mix(work_on(i) + i);
    }
    worker->operations = number_operations;
}

int main(int argc, char **argv)
{
    workload_begin(&workload, argc, argv);
    workload_run(workload_threads, work, NULL);
    return workload_end();
}
