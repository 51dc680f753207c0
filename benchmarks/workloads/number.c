/* SPDX-License-Identifier: Apache-2.0 */
/* The schoolbook's methods; long division is algorithm D of D. Knuth, "The Art of Computer
 * Programming", volume 2, section 4.3.1, with its quotient digit corrected at most twice. */
#include "number.h"

#include <stdlib.h>
#include "block.h"
#include "workload.h"

#define DIGIT_BITS 32u
#define DIGIT_MASK UINT64_C(0xFFFFFFFF)

_Thread_local uint64_t number_operations;

static size_t bytes_of(size_t digits)
{
    return sizeof(struct number) + (digits == 0 ? 1 : digits) * sizeof(uint32_t);
}

/* All digits zero. */
static struct number *number_new(size_t digits)
{
    struct number *number = malloc(bytes_of(digits));

    block_require(number, bytes_of(digits));
    memset(number, 0, bytes_of(digits));
    number->count = (uint32_t)digits;
    number_operations++;
    return number;
}

/* Leading zeros do not count. The block stays as long as it is. */
static struct number *trimmed(struct number *number)
{
    while (number->count > 0 && number->digits[number->count - 1] == 0) {
        number->count--;
    }
    return number;
}

void number_free(struct number *number)
{
    if (number->count > 0 && number->digits[number->count - 1] == 0) {
        workload_fail("number at %p has lost its contents", (void *)number);
    }
    number_operations++;
    free(number);
}

struct number *number_of(uint64_t value)
{
    struct number *number = number_new(value == 0 ? 0 : value <= DIGIT_MASK ? 1 : 2);

    for (size_t i = 0; i < number->count; i++, value >>= DIGIT_BITS) {
        number->digits[i] = (uint32_t)(value & DIGIT_MASK);
    }
    return number;
}

struct number *number_copy(const struct number *number)
{
    struct number *copy = number_new(number->count);

    memcpy(copy->digits, number->digits, number->count * sizeof(number->digits[0]));
    return copy;
}

static uint32_t digit_of(const struct number *number, size_t place)
{
    return place < number->count ? number->digits[place] : 0;
}

bool number_value(const struct number *number, uint64_t *value)
{
    *value = ((uint64_t)digit_of(number, 1) << DIGIT_BITS) | digit_of(number, 0);
    return number->count <= 2;
}

int number_compare(const struct number *a, const struct number *b)
{
    if (a->count != b->count) {
        return a->count < b->count ? -1 : 1;
    }
    for (size_t i = a->count; i-- > 0;) {
        if (a->digits[i] != b->digits[i]) {
            return a->digits[i] < b->digits[i] ? -1 : 1;
        }
    }
    return 0;
}

size_t number_bits(const struct number *number)
{
    if (number->count == 0) {
        return 0;
    }
    return number->count * DIGIT_BITS - (size_t)__builtin_clz(number->digits[number->count - 1]);
}

struct number *number_add(const struct number *a, const struct number *b)
{
    size_t count = (a->count > b->count ? a->count : b->count) + 1;
    struct number *sum = number_new(count);
    uint64_t carry = 0;

    for (size_t i = 0; i < count; i++) {
        carry += (uint64_t)digit_of(a, i) + digit_of(b, i);
        sum->digits[i] = (uint32_t)(carry & DIGIT_MASK);
        carry >>= DIGIT_BITS;
    }
    return trimmed(sum);
}

struct number *number_subtract(const struct number *a, const struct number *b)
{
    struct number *difference = number_new(a->count);
    uint64_t borrow = 0;

    for (size_t i = 0; i < a->count; i++) {
        uint64_t digit = (uint64_t)digit_of(a, i) - digit_of(b, i) - borrow;

        difference->digits[i] = (uint32_t)(digit & DIGIT_MASK);
        borrow = digit >> 63;
    }
    return trimmed(difference);
}

struct number *number_multiply(const struct number *a, const struct number *b)
{
    struct number *product = number_new((size_t)a->count + b->count);

    for (size_t i = 0; i < a->count; i++) {
        uint64_t carry = 0;

        for (size_t j = 0; j < b->count; j++) {
            carry += (uint64_t)a->digits[i] * b->digits[j] + product->digits[i + j];
            product->digits[i + j] = (uint32_t)(carry & DIGIT_MASK);
            carry >>= DIGIT_BITS;
        }
        product->digits[i + b->count] = (uint32_t)carry;
    }
    return trimmed(product);
}

/* --- Division --------------------------------------------------------------------------------- */

/* The digits of `number` and one more, `shift` bits up. Not trimmed. */
static struct number *shifted_up(const struct number *number, unsigned int shift)
{
    struct number *up = number_new((size_t)number->count + 1);
    uint64_t carry = 0;

    for (size_t i = 0; i < up->count; i++) {
        carry |= (uint64_t)digit_of(number, i) << shift;
        up->digits[i] = (uint32_t)(carry & DIGIT_MASK);
        carry >>= DIGIT_BITS;
    }
    return up;
}

static struct number *shifted_down(const struct number *number, unsigned int shift)
{
    struct number *down = number_new(number->count);

    for (size_t i = 0; i < down->count; i++) {
        uint64_t pair = ((uint64_t)digit_of(number, i + 1) << DIGIT_BITS) | number->digits[i];

        down->digits[i] = (uint32_t)((pair >> shift) & DIGIT_MASK);
    }
    return trimmed(down);
}

/* A digit of the quotient, too large by one at most: of the dividend's digits up to `top`, by the
 * `count` digits of the divisor, whose highest bit is set. */
static uint64_t estimate(const uint32_t *dividend, size_t top, const uint32_t *divisor,
                         size_t count)
{
    uint64_t high = ((uint64_t)dividend[top] << DIGIT_BITS) | dividend[top - 1];
    uint64_t digit = high / divisor[count - 1];
    uint64_t rest = high % divisor[count - 1];

    while (digit > DIGIT_MASK ||
           digit * divisor[count - 2] > ((rest << DIGIT_BITS) | dividend[top - 2])) {
        digit--;
        rest += divisor[count - 1];
        if (rest > DIGIT_MASK) {
            break;
        }
    }
    return digit;
}

/* place -= digit * divisor, over count + 1 digits. True iff that went below zero. */
static bool subtract_multiple(uint32_t *place, const uint32_t *divisor, size_t count,
                              uint64_t digit)
{
    uint64_t carry = 0;
    uint64_t borrow = 0;

    for (size_t i = 0; i <= count; i++) {
        uint64_t difference;

        carry += i < count ? digit * divisor[i] : 0;
        difference = (uint64_t)place[i] - (carry & DIGIT_MASK) - borrow;
        place[i] = (uint32_t)(difference & DIGIT_MASK);
        borrow = difference >> 63;
        carry >>= DIGIT_BITS;
    }
    return borrow != 0;
}

static void add_back(uint32_t *place, const uint32_t *divisor, size_t count)
{
    uint64_t carry = 0;

    for (size_t i = 0; i <= count; i++) {
        carry += (uint64_t)place[i] + (i < count ? divisor[i] : 0);
        place[i] = (uint32_t)(carry & DIGIT_MASK);
        carry >>= DIGIT_BITS;
    }
}

static struct number *divide_long(const struct number *a, const struct number *b,
                                  struct number **remainder)
{
    size_t count = b->count;
    unsigned int shift = (unsigned int)__builtin_clz(b->digits[count - 1]);
    struct number *dividend = shifted_up(a, shift);
    struct number *divisor = trimmed(shifted_up(b, shift));
    struct number *quotient = number_new((size_t)a->count - count + 1);

    for (size_t i = quotient->count; i-- > 0;) {
        uint64_t digit = estimate(dividend->digits, i + count, divisor->digits, count);

        if (subtract_multiple(&dividend->digits[i], divisor->digits, count, digit)) {
            add_back(&dividend->digits[i], divisor->digits, count);
            digit--;
        }
        quotient->digits[i] = (uint32_t)digit;
    }
    number_free(divisor);
    if (remainder != NULL) {
        *remainder = shifted_down(dividend, shift);
    }
    number_free(trimmed(dividend));
    return trimmed(quotient);
}

static struct number *divide_short(const struct number *a, uint32_t divisor,
                                   struct number **remainder)
{
    struct number *quotient = number_new(a->count);
    uint64_t rest = 0;

    for (size_t i = a->count; i-- > 0;) {
        rest = (rest << DIGIT_BITS) | a->digits[i];
        quotient->digits[i] = (uint32_t)(rest / divisor);
        rest %= divisor;
    }
    if (remainder != NULL) {
        *remainder = number_of(rest);
    }
    return trimmed(quotient);
}

struct number *number_divide(const struct number *a, const struct number *b,
                             struct number **remainder)
{
    if (number_compare(a, b) < 0) {
        if (remainder != NULL) {
            *remainder = number_copy(a);
        }
        return number_of(0);
    }
    return b->count == 1 ? divide_short(a, b->digits[0], remainder) : divide_long(a, b, remainder);
}

struct number *number_remainder(const struct number *a, const struct number *b)
{
    struct number *remainder;

    number_free(number_divide(a, b, &remainder));
    return remainder;
}

uint32_t number_remainder_small(const struct number *number, uint32_t divisor)
{
    uint64_t rest = 0;

    for (size_t i = number->count; i-- > 0;) {
        rest = ((rest << DIGIT_BITS) | number->digits[i]) % divisor;
    }
    return (uint32_t)rest;
}

struct number *number_greatest_common_divisor(const struct number *a, const struct number *b)
{
    struct number *greater = number_copy(a);
    struct number *less = number_copy(b);

    while (less->count > 0) {
        struct number *rest = number_remainder(greater, less);

        number_free(greater);
        greater = less;
        less = rest;
    }
    number_free(less);
    return greater;
}

/* Newton's method from above: the first value that does not fall is the root. */
struct number *number_square_root(const struct number *number)
{
    struct number *one = number_of(1);
    struct number *two = number_of(2);
    struct number *root = number_add(number, one);

    for (;;) {
        struct number *quotient = number_divide(number, root, NULL);
        struct number *sum = number_add(root, quotient);
        struct number *next = number_divide(sum, two, NULL);
        bool is_lower = number_compare(next, root) < 0;

        number_free(quotient);
        number_free(sum);
        number_free(is_lower ? root : next);
        if (!is_lower) {
            break;
        }
        root = next;
    }
    number_free(one);
    number_free(two);
    return root;
}
