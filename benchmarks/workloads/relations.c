/* SPDX-License-Identifier: Apache-2.0 */
/* Gauss's elimination over two elements, one row at a time, as M. Morrison and J. Brillhart do it,
 * "A Method of Factoring and the Factorization of F7", Mathematics of Computation, 1975. */
#include "relations.h"

#include <stdlib.h>
#include "block.h"
#include "workload.h"

#define WORD_BITS 64u
#define NONE      SIZE_MAX

static void *allocate(size_t bytes)
{
    void *block = malloc(bytes);

    block_require(block, bytes);
    memset(block, 0, bytes);
    number_operations++;
    return block;
}

static void release(void *block)
{
    number_operations++;
    free(block);
}

struct relation *relation_new(void)
{
    return allocate(sizeof(struct relation));
}

void relation_free(struct relation *relation)
{
    number_free(relation->root);
    release(relation);
}

static void set_bit(uint64_t *words, size_t bit)
{
    words[bit / WORD_BITS] |= UINT64_C(1) << bit % WORD_BITS;
}

static bool has_bit(const uint64_t *words, size_t bit)
{
    return (words[bit / WORD_BITS] >> bit % WORD_BITS & 1) != 0;
}

static size_t first_bit(const uint64_t *words)
{
    for (size_t i = 0; i < RELATION_WORDS; i++) {
        if (words[i] != 0) {
            return i * WORD_BITS + (size_t)__builtin_ctzll(words[i]);
        }
    }
    return NONE;
}

static struct relation_row *row_of(const struct relation *relation, size_t part)
{
    struct relation_row *row = allocate(sizeof(*row));

    for (size_t i = 0; i < RELATION_COLUMNS; i++) {
        if (relation->exponents[i] % 2 != 0) {
            set_bit(row->parities, i);
        }
    }
    set_bit(row->parts, part);
    return row;
}

/* Adds rows until the first odd column has none, which is returned; NONE if no column is odd. */
static size_t reduce(const struct relations *relations, struct relation_row *row)
{
    size_t column = first_bit(row->parities);

    while (column != NONE && relations->rows[column] != NULL) {
        for (size_t i = 0; i < RELATION_WORDS; i++) {
            row->parities[i] ^= relations->rows[column]->parities[i];
            row->parts[i] ^= relations->rows[column]->parts[i];
        }
        column = first_bit(row->parities);
    }
    return column;
}

/* *product *= factor, modulo the number. */
static void multiply(struct number **product, const struct number *factor,
                     const struct number *modulus)
{
    struct number *longer = number_multiply(*product, factor);

    number_free(*product);
    *product = number_remainder(longer, modulus);
    number_free(longer);
}

/* The product of the roots of a row's relations; their exponents are added up. */
static struct number *product_of_roots(const struct relations *relations,
                                       const struct relation_row *row,
                                       uint32_t sums[RELATION_COLUMNS],
                                       const struct number *modulus)
{
    struct number *product = number_of(1);

    for (size_t part = 0; part <= relations->count; part++) {
        if (!has_bit(row->parts, part)) {
            continue;
        }
        multiply(&product, relations->kept[part]->root, modulus);
        for (size_t i = 0; i < RELATION_COLUMNS; i++) {
            sums[i] += relations->kept[part]->exponents[i];
        }
    }
    return product;
}

static struct number *product_of_primes(const struct relations *relations,
                                        const uint32_t sums[RELATION_COLUMNS],
                                        const struct number *modulus)
{
    struct number *product = number_of(1);

    for (size_t i = 0; i < relations->primes_count; i++) {
        struct number *prime = number_of(relations->primes[i]);

        for (uint32_t times = sums[i + 1] / 2; times > 0; times--) {
            multiply(&product, prime, modulus);
        }
        number_free(prime);
    }
    return product;
}

/* The two square roots' sum. */
static struct number *sum_of_roots(const struct relations *relations,
                                   const struct relation_row *row, const struct number *modulus)
{
    uint32_t sums[RELATION_COLUMNS] = {0};
    struct number *one = product_of_roots(relations, row, sums, modulus);
    struct number *other = product_of_primes(relations, sums, modulus);
    struct number *sum = number_add(one, other);

    number_free(one);
    number_free(other);
    return sum;
}

struct number *relations_add(struct relations *relations, struct relation *relation,
                             const struct number *number)
{
    struct relation_row *row = row_of(relation, relations->count);
    size_t column = reduce(relations, row);
    struct number *sum;

    relations->kept[relations->count] = relation;
    if (column != NONE) {
        relations->rows[column] = row;
        relations->count++;
        return NULL;
    }
    sum = sum_of_roots(relations, row, number);
    release(row);
    relation_free(relation);
    return sum;
}

void relations_end(struct relations *relations)
{
    for (size_t i = 0; i < relations->count; i++) {
        relation_free(relations->kept[i]);
    }
    for (size_t i = 0; i < RELATION_COLUMNS; i++) {
        if (relations->rows[i] != NULL) {
            release(relations->rows[i]);
        }
    }
}
