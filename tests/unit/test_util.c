/* SPDX-License-Identifier: Apache-2.0 */
/* The small helpers that Zephyr's code takes for granted: what they give, where they are constants,
 * and that they do not mind what the C library defines.
 *
 * The same file is C11, C17 and C++17: tests/conformance/helpers.py compiles it as each, with
 * pedantic warnings and whatever compilers there are, and runs it. So it goes without cmocka. */
#include <zephyr/kernel.h>
#include <zephyr/logging/log.h>
#include <zephyr/sys/check.h>
#include <zephyr/toolchain.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/param.h> /* has MIN, MAX and others of its own */

static int failures;

#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            printf("%s:%d: %s\n", __FILE__, __LINE__, #condition);                                 \
            failures++;                                                                            \
        }                                                                                          \
    } while (0)

LOG_MODULE_REGISTER(helpers);

/* --- Bits and numbers --- */

BUILD_ASSERT(BIT(0) == 1);
BUILD_ASSERT(BIT(4) == 16, "with a message");
BUILD_ASSERT(BIT64(63) == UINT64_C(0x8000000000000000));
BUILD_ASSERT(BIT_MASK(0) == 0 && BIT_MASK(5) == 31);
BUILD_ASSERT(BIT64_MASK(40) == UINT64_C(0xffffffffff));
BUILD_ASSERT(GENMASK(7, 4) == 0xf0 && GENMASK(0, 0) == 1);
BUILD_ASSERT(GENMASK(BITS_PER_LONG - 1, 0) == ULONG_MAX);
BUILD_ASSERT(GENMASK64(63, 63) == BIT64(63) && GENMASK64(63, 0) == UINT64_MAX);
BUILD_ASSERT(IS_BIT_SET(0x10, 4) && !IS_BIT_SET(0x10, 3));
BUILD_ASSERT(ROUND_UP(13, 8) == 16 && ROUND_UP(16, 8) == 16 && ROUND_DOWN(13, 8) == 8);
BUILD_ASSERT(ROUND_UP(7, 6) == 12 && ROUND_DOWN(7, 6) == 6);
BUILD_ASSERT(WB_UP(1) == sizeof(void *) && WB_DN(sizeof(void *) + 1) == sizeof(void *));
BUILD_ASSERT(DIV_ROUND_UP(7, 2) == 4 && DIV_ROUND_UP(8, 2) == 4 && DIV_ROUND_UP(0, 2) == 0);
BUILD_ASSERT(DIV_ROUND_UP(UINT_MAX, 2u) == UINT_MAX / 2 + 1);
BUILD_ASSERT(DIV_ROUND_CLOSEST(7, 3) == 2 && DIV_ROUND_CLOSEST(8, 3) == 3);
BUILD_ASSERT(DIV_ROUND_CLOSEST(5, 2) == 3 && DIV_ROUND_CLOSEST(UINT_MAX, 2u) == UINT_MAX / 2 + 1);
BUILD_ASSERT(MIN(2, 3) == 2 && MAX(2, 3) == 3);
BUILD_ASSERT(CLAMP(5, 1, 3) == 3 && CLAMP(0, 1, 3) == 1 && CLAMP(2, 1, 3) == 2);
BUILD_ASSERT(IN_RANGE(1, 1, 3) && IN_RANGE(3, 1, 3) && !IN_RANGE(0, 1, 3) && !IN_RANGE(4, 1, 3));
BUILD_ASSERT(IS_POWER_OF_TWO(1) && IS_POWER_OF_TWO(64) && !IS_POWER_OF_TWO(0));
BUILD_ASSERT(!IS_POWER_OF_TWO(6) && !IS_POWER_OF_TWO(INT_MIN));
BUILD_ASSERT(LOG2(1) == 0 && LOG2(31) == 4 && LOG2(32) == 5 && LOG2(0) == -1);
BUILD_ASSERT(LOG2(UINT64_MAX) == 63 && ilog2(4096) == 12);
BUILD_ASSERT(LOG2CEIL(1) == 0 && LOG2CEIL(31) == 5 && LOG2CEIL(32) == 5 && LOG2CEIL(33) == 6);
BUILD_ASSERT(NHPOT(0) == 1 && NHPOT(1) == 1 && NHPOT(2) == 2 && NHPOT(3) == 4);
BUILD_ASSERT(NHPOT(UINT64_C(1) << 63) == UINT64_C(1) << 63);
BUILD_ASSERT(NUM_BITS(uint16_t) == 16);
BUILD_ASSERT(KB(4) == 4096 && MB(2) == 2097152 && GB(1) == 1073741824);
BUILD_ASSERT(KHZ(2) == 2000 && MHZ(2) == 2000000);
BUILD_ASSERT(MSEC_PER_SEC == 1000 && NSEC_PER_SEC == 1000000000 && USEC_PER_MSEC == 1000);

static void writes_bits(void)
{
    uint8_t small = 0xf0;
    uint64_t large = 0;

    WRITE_BIT(small, 0, 1);
    WRITE_BIT(small, 7, 0);
    WRITE_BIT(large, 63, true);
    EXPECT(small == 0x71);
    EXPECT(large == BIT64(63));
    WRITE_BIT(large, 63, 0);
    EXPECT(large == 0);
}

/* --- Arrays and structures --- */

struct pair {
    int first;
    char second[6];
};

static void finds_its_way_in_arrays(void)
{
    static struct pair pairs[5];
    const struct pair *third = &pairs[2];
    size_t sum = 0;

    ARRAY_FOR_EACH(pairs, i)
    {
        sum += i;
    }
    EXPECT(sum == 10);
    sum = 0;
    ARRAY_FOR_EACH_PTR(pairs, each)
    {
        sum += (size_t)(each - pairs);
    }
    EXPECT(sum == 10);
    EXPECT(PART_OF_ARRAY(pairs, third->second) && !PART_OF_ARRAY(pairs, pairs + 5));
    EXPECT(!PART_OF_ARRAY(pairs, (const char *)pairs - 1));
    EXPECT(IS_ARRAY_ELEMENT(pairs, third) && !IS_ARRAY_ELEMENT(pairs, third->second));
    EXPECT(ARRAY_INDEX(pairs, third) == 2 && ARRAY_INDEX_FLOOR(pairs, third->second) == 2);
    EXPECT(CONTAINER_OF(&pairs[3].second, struct pair, second) == &pairs[3]);
    EXPECT(SIZEOF_FIELD(struct pair, second) == 6);
    EXPECT(IS_ALIGNED(pairs, 4) && !IS_ALIGNED((char *)pairs + 2, 4) && IS_ALIGNED(96, 32));
    EXPECT(UINT_TO_POINTER(POINTER_TO_UINT(third)) == third);
    EXPECT(INT_TO_POINTER(POINTER_TO_INT(third)) == third);
}

/* --- The preprocessor --- */

#define HAS_ONE  1
#define HAS_ZERO 0
#define HAS_TWO  2
#define HAS_NONE
#define INDIRECT HAS_ONE

BUILD_ASSERT(IS_ENABLED(HAS_ONE) == 1 && IS_ENABLED(INDIRECT) == 1);
BUILD_ASSERT(IS_ENABLED(HAS_ZERO) == 0 && IS_ENABLED(HAS_TWO) == 0 && IS_ENABLED(HAS_NONE) == 0);
BUILD_ASSERT(IS_ENABLED(NOBODY_HAS_DEFINED_THIS) == 0);
BUILD_ASSERT(IS_ENABLED(CONFIG_SYS_HEAP_VALIDATE) && IS_ENABLED(CONFIG_MEMREF));
BUILD_ASSERT(!IS_ENABLED(CONFIG_BT) && !IS_ENABLED(CONFIG_ASSERT));
#if !IS_ENABLED(CONFIG_HEAPTRACE) || IS_ENABLED(CONFIG_BT)
#error IS_ENABLED does not work in #if
#endif

BUILD_ASSERT(COND_CODE_1(HAS_ONE, (1), (2)) == 1 && COND_CODE_1(HAS_ZERO, (1), (2)) == 2);
BUILD_ASSERT(COND_CODE_1(CONFIG_BT, (1), (2)) == 2 && COND_CODE_0(HAS_ZERO, (1), (2)) == 1);
BUILD_ASSERT(COND_CODE_0(HAS_ONE, (1), (2)) == 2 && COND_CODE_0(CONFIG_BT, (1), (2)) == 2);
BUILD_ASSERT(COND_CODE_1(HAS_ZERO, (1), (COND_CODE_1(HAS_ONE, (3), (4)))) == 3);

#define ADD(n, base)     ((n) + (base))
#define MEMBER(n, ...)   int UTIL_CAT(member, n)
#define DECLARE(name)    static int name
#define COUNT_OF_IT(...) NUM_VA_ARGS(__VA_ARGS__)

struct listed {
    LISTIFY(3, MEMBER, (;), _);
};

static const int table[] = {LISTIFY(32, ADD, (, ), 100)};
static const char *const quarry_enabled[] = {IF_ENABLED(HAS_ONE, ("a", "b", )) IF_ENABLED(
    CONFIG_BT, ("c", )) IF_DISABLED(CONFIG_BT, ("d", )) IF_DISABLED(HAS_ONE, ("e", )) "end"};
FOR_EACH(DECLARE, (;), made_one, made_two, made_three);
static int CONCAT(glued, _, made_, 1, 2, 3, 4, 5) = COUNT_OF_IT(a, (b, c), d);

static void makes_code(void)
{
    EXPECT(ARRAY_SIZE(table) == 32 && table[0] == 100 && table[31] == 131);
    EXPECT(sizeof(struct listed) == 3 * sizeof(int));
    EXPECT(ARRAY_SIZE(quarry_enabled) == 4 && strcmp(quarry_enabled[2], "d") == 0);
    EXPECT(made_one + made_two + made_three == 0);
    EXPECT(glued_made_12345 == 3);
    EXPECT(strcmp(STRINGIFY(INDIRECT), "1") == 0);
    EXPECT(UTIL_CAT(HAS_ONE, HAS_TWO) == 12);
}

/* --- The compiler --- */

struct __packed no_gaps {
    char first;
    int second;
};
BUILD_ASSERT(sizeof(struct no_gaps) == 1 + sizeof(int));

static __aligned(64) char far_apart;
static __noinit char not_cleared;
static int nobody_calls_this(int not_looked_at __unused) __unused;
static int nobody_calls_this(int not_looked_at __unused)
{
    return 0;
}
static __used int kept;
__printf_like(1, 2) static int say(const char *format, ...);

static int say(const char *format, ...)
{
    char text[16];
    va_list ap;

    va_start(ap, format);
    int bytes = vsnprintk(text, sizeof(text), format, ap);
    va_end(ap);
    return bytes;
}

static ALWAYS_INLINE int sign(int value)
{
    if (unlikely(value < 0)) {
        return -1;
    }
    return likely(value != 0) ? 1 : 0;
}

static void attributes_mean_something(void)
{
    ARG_UNUSED(kept);
    EXPECT(IS_ALIGNED(&far_apart, 64));
    EXPECT(not_cleared == 0);
    EXPECT(sign(-5) == -1 && sign(0) == 0 && sign(7) == 1);
    EXPECT(say("%d blocks", 12) == 9);
    compiler_barrier();
}

/* --- Checks of arguments; assertions are off here --- */

static int checked(const void *mem)
{
    CHECKIF(mem == NULL)
    {
        return -EINVAL;
    }
    return 0;
}

static void checks_return_codes(void)
{
    int executed = 0;

    EXPECT(checked(NULL) == -EINVAL && checked(&executed) == 0);
    __ASSERT_NO_MSG(executed++ == 1);
    __ASSERT(executed++ == 1, "never said: %d", executed);
    __ASSERT(this_need_not_even_exist, "so there");
    EXPECT(executed == 0);
    __ASSERT_EVAL(executed = 3, executed = 4, false, "never said");
    EXPECT(executed == 3 && __ASSERT_ON == 0);
}

/* --- Atomics --- */

static ATOMIC_DEFINE(bits, 70);
BUILD_ASSERT(ATOMIC_BITMAP_SIZE(1) == 1 && ATOMIC_BITMAP_SIZE(ATOMIC_BITS + 1) == 2);

static void atomics_return_what_was(void)
{
    atomic_t word = ATOMIC_INIT(5);
    atomic_ptr_t pointer = ATOMIC_PTR_INIT(NULL);

    EXPECT(atomic_inc(&word) == 5 && atomic_dec(&word) == 6 && atomic_get(&word) == 5);
    EXPECT(atomic_add(&word, 10) == 5 && atomic_sub(&word, 3) == 15 && atomic_set(&word, 8) == 12);
    EXPECT(atomic_or(&word, 6) == 8 && atomic_xor(&word, 3) == 14 && atomic_and(&word, 12) == 13);
    EXPECT(atomic_nand(&word, 8) == 12 && atomic_get(&word) == ~8l);
    EXPECT(!atomic_cas(&word, 0, 1) && atomic_cas(&word, ~8l, 1) && atomic_clear(&word) == 1);
    EXPECT(atomic_set(&word, LONG_MAX) == 0 && atomic_inc(&word) == LONG_MAX);
    EXPECT(atomic_get(&word) == LONG_MIN);
    EXPECT(atomic_ptr_set(&pointer, &word) == NULL && atomic_ptr_get(&pointer) == &word);
    EXPECT(!atomic_ptr_cas(&pointer, NULL, &bits) && atomic_ptr_cas(&pointer, &word, &bits));
    EXPECT(atomic_ptr_clear(&pointer) == &bits && atomic_ptr_get(&pointer) == NULL);
}

static void atomic_bits_are_where_they_belong(void)
{
    EXPECT(!atomic_test_and_set_bit(bits, 69) && atomic_test_and_set_bit(bits, 69));
    EXPECT(atomic_test_bit(bits, 69) && !atomic_test_bit(bits, 68));
    EXPECT(atomic_get(&bits[69 / ATOMIC_BITS]) == 1l << 69 % ATOMIC_BITS);
    atomic_set_bit(bits, ATOMIC_BITS - 1);
    EXPECT(atomic_get(ATOMIC_ELEM(bits, ATOMIC_BITS - 1)) == LONG_MIN);
    atomic_set_bit_to(bits, 3, true);
    atomic_set_bit_to(bits, ATOMIC_BITS - 1, false);
    EXPECT(atomic_test_and_clear_bit(bits, 3) && !atomic_test_and_clear_bit(bits, 3));
    atomic_clear_bit(bits, 69);
    EXPECT(bits[0] == 0 && bits[1] == 0);
}

/* --- Texts --- */

static void formats_text(void)
{
    char text[8];

    EXPECT(snprintk(text, sizeof(text), "%s-%u", "abcdef", 123u) == 10);
    EXPECT(strcmp(text, "abcdef-") == 0);
    EXPECT(snprintk(NULL, 0, "%zu", (size_t)12) == 2);
    LOG_DBG("not above the default level, so not printed: %d", failures);
}

int main(void)
{
    writes_bits();
    finds_its_way_in_arrays();
    makes_code();
    attributes_mean_something();
    checks_return_codes();
    atomics_return_what_was();
    atomic_bits_are_where_they_belong();
    formats_text();
    return failures == 0 ? 0 : 1;
}
