/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Bits, and the preprocessor put to use: code that depends on options, that is repeated, and names
 * that are made of parts.
 *
 * Code that is an argument of these macros stands in brackets of its own, which are taken off:
 *
 *     IF_ENABLED(CONFIG_SYS_HEAP_RUNTIME_STATS, (print(&stats);))
 *
 * A name that is defined already stays as it is.
 *
 * Source: Zephyr's <zephyr/sys/util_macro.h>. Differs from Zephyr: only what is listed here;
 * LISTIFY is in this file, and goes up to 32; FOR_EACH up to 16.
 */
#ifndef ZEPHYR_INCLUDE_SYS_UTIL_MACRO_H_
#define ZEPHYR_INCLUDE_SYS_UTIL_MACRO_H_

#include <stdint.h>

/**
 * @name Bits
 * Constant expressions, if their arguments are.
 * @{
 */
#ifndef BITS_PER_LONG
/** Bits of a long. */
#define BITS_PER_LONG (__SIZEOF_LONG__ * 8)
#endif

#ifndef BITS_PER_LONG_LONG
/** Bits of a long long. */
#define BITS_PER_LONG_LONG (__SIZEOF_LONG_LONG__ * 8)
#endif

#ifndef BIT
/** An unsigned long with bit @p n set, 0 being the lowest. */
#define BIT(n) (1ul << (n))
#endif

#ifndef BIT64
/** An uint64_t with bit @p n set, 0 being the lowest. */
#define BIT64(n) (UINT64_C(1) << (n))
#endif

#ifndef BIT_MASK
/** An unsigned long with the lowest @p n bits set, which may not be all of them. */
#define BIT_MASK(n) (BIT(n) - 1ul)
#endif

#ifndef BIT64_MASK
/** An uint64_t with the lowest @p n bits set, which may not be all of them. */
#define BIT64_MASK(n) (BIT64(n) - 1u)
#endif

#ifndef GENMASK
/** An unsigned long with the bits from @p h down to @p l set. */
#define GENMASK(h, l) ((~0ul >> (BITS_PER_LONG - 1 - (h))) & (~0ul << (l)))
#endif

#ifndef GENMASK64
/** An uint64_t with the bits from @p h down to @p l set. */
#define GENMASK64(h, l) ((~UINT64_C(0) >> (63 - (h))) & (~UINT64_C(0) << (l)))
#endif

#ifndef IS_BIT_SET
/** Whether bit @p bit of @p value is set. */
#define IS_BIT_SET(value, bit) ((((value) >> (bit)) & 1) != 0)
#endif

#ifndef WRITE_BIT
/** Sets bit @p bit of the variable @p var, or clears it if @p set is 0. */
#define WRITE_BIT(var, bit, set)                                                                   \
    ((var) = (__typeof__(var))((set) ? ((var) | BIT64(bit)) : ((var) & ~BIT64(bit))))
#endif
/** @} */

/** @cond internal */
#define Z_BARE_(...)                       __VA_ARGS__
#define Z_SECOND_(first, second, ...)      second
#define Z_SECOND_BARE_(first, second, ...) Z_BARE_ second
/* A comma iff what the option expands to is 1, or 0: then it pushes the next argument to the second
 * place. */
#define Z_MARK_OF_ONE_1                     ,
#define Z_MARK_OF_ZERO_0                    ,
#define Z_IS_MARKED_(mark)                  Z_SECOND_(mark 1, 0, )
#define Z_IF_MARKED_(mark, code, otherwise) Z_SECOND_BARE_(mark code, otherwise, )
#define Z_IS_ENABLED_(value)                Z_IS_MARKED_(Z_MARK_OF_ONE_##value)
#define Z_IF_ONE_(value, code, otherwise)   Z_IF_MARKED_(Z_MARK_OF_ONE_##value, code, otherwise)
#define Z_IF_ZERO_(value, code, otherwise)  Z_IF_MARKED_(Z_MARK_OF_ZERO_##value, code, otherwise)
/** @endcond */

/**
 * @name Options
 * @{
 */
#ifndef IS_ENABLED
/** 1 if @p config_macro is defined as 1, else 0, also if it is not defined: in code and in #if. */
#define IS_ENABLED(config_macro) Z_IS_ENABLED_(config_macro)
#endif

#ifndef COND_CODE_1
/** The first code if @p flag expands to 1, else the second. */
#define COND_CODE_1(flag, if_1_code, else_code) Z_IF_ONE_(flag, if_1_code, else_code)
#endif

#ifndef COND_CODE_0
/** The first code if @p flag expands to 0, else the second. */
#define COND_CODE_0(flag, if_0_code, else_code) Z_IF_ZERO_(flag, if_0_code, else_code)
#endif

#ifndef IF_ENABLED
/** The code if @p flag expands to 1, else nothing. */
#define IF_ENABLED(flag, code) Z_IF_ONE_(flag, code, ())
#endif

#ifndef IF_DISABLED
/** Nothing if @p flag expands to 1, else the code. */
#define IF_DISABLED(flag, code) Z_IF_ONE_(flag, (), code)
#endif
/** @} */

/**
 * @name Names and repetition
 * @{
 */
#ifndef STRINGIFY
/** The text of what @p s expands to, as a string. */
#define STRINGIFY(s) Z_STRINGIFY_(s)
/** @cond internal */
#define Z_STRINGIFY_(s) #s
/** @endcond */
#endif

#ifndef UTIL_CAT
/** What two arguments expand to, as one token. */
#define UTIL_CAT(a, b) Z_UTIL_CAT_(a, b)
/** @cond internal */
#define Z_UTIL_CAT_(a, b) a##b
/** @endcond */
#endif

#ifndef NUM_VA_ARGS
/** Number of arguments, 1 to 16. Differs from Zephyr: of none it is 1. */
#define NUM_VA_ARGS(...)                                                                           \
    Z_ARGUMENT_AFTER_(__VA_ARGS__, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, )
/** @cond internal */
#define Z_ARGUMENT_AFTER_(a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16,   \
                          n, ...)                                                                  \
    n
/** @endcond */
#endif

#ifndef CONCAT
/** What 1 to 8 arguments expand to, as one token. */
#define CONCAT(...) UTIL_CAT(Z_CONCAT_, NUM_VA_ARGS(__VA_ARGS__))(__VA_ARGS__)
/** @cond internal */
#define Z_CONCAT_1(a)          a
#define Z_CONCAT_2(a, b)       UTIL_CAT(a, b)
#define Z_CONCAT_3(a, ...)     Z_UTIL_CAT_LAST_(a, Z_CONCAT_2(__VA_ARGS__))
#define Z_CONCAT_4(a, ...)     Z_UTIL_CAT_LAST_(a, Z_CONCAT_3(__VA_ARGS__))
#define Z_CONCAT_5(a, ...)     Z_UTIL_CAT_LAST_(a, Z_CONCAT_4(__VA_ARGS__))
#define Z_CONCAT_6(a, ...)     Z_UTIL_CAT_LAST_(a, Z_CONCAT_5(__VA_ARGS__))
#define Z_CONCAT_7(a, ...)     Z_UTIL_CAT_LAST_(a, Z_CONCAT_6(__VA_ARGS__))
#define Z_CONCAT_8(a, ...)     Z_UTIL_CAT_LAST_(a, Z_CONCAT_7(__VA_ARGS__))
#define Z_UTIL_CAT_LAST_(a, b) Z_UTIL_CAT_(a, b)
/** @endcond */
#endif

#ifndef LISTIFY
/**
 * F(0, ...) sep F(1, ...) sep ... F(LEN - 1, ...).
 *
 * @param LEN literally 0 to 32, or what expands to that
 * @param F   a macro, of a number and of the arguments after @p sep, at least one; may be empty
 * @param sep what goes in between, in brackets, such as (,)
 */
#define LISTIFY(LEN, F, sep, ...) UTIL_CAT(Z_LISTIFY_, LEN)(F, sep, __VA_ARGS__)
/** @cond internal */
#define Z_LISTIFY_0(F, sep, ...)
#define Z_LISTIFY_1(F, sep, ...)  F(0, __VA_ARGS__)
#define Z_LISTIFY_2(F, sep, ...)  Z_LISTIFY_1(F, sep, __VA_ARGS__) Z_BARE_ sep F(1, __VA_ARGS__)
#define Z_LISTIFY_3(F, sep, ...)  Z_LISTIFY_2(F, sep, __VA_ARGS__) Z_BARE_ sep F(2, __VA_ARGS__)
#define Z_LISTIFY_4(F, sep, ...)  Z_LISTIFY_3(F, sep, __VA_ARGS__) Z_BARE_ sep F(3, __VA_ARGS__)
#define Z_LISTIFY_5(F, sep, ...)  Z_LISTIFY_4(F, sep, __VA_ARGS__) Z_BARE_ sep F(4, __VA_ARGS__)
#define Z_LISTIFY_6(F, sep, ...)  Z_LISTIFY_5(F, sep, __VA_ARGS__) Z_BARE_ sep F(5, __VA_ARGS__)
#define Z_LISTIFY_7(F, sep, ...)  Z_LISTIFY_6(F, sep, __VA_ARGS__) Z_BARE_ sep F(6, __VA_ARGS__)
#define Z_LISTIFY_8(F, sep, ...)  Z_LISTIFY_7(F, sep, __VA_ARGS__) Z_BARE_ sep F(7, __VA_ARGS__)
#define Z_LISTIFY_9(F, sep, ...)  Z_LISTIFY_8(F, sep, __VA_ARGS__) Z_BARE_ sep F(8, __VA_ARGS__)
#define Z_LISTIFY_10(F, sep, ...) Z_LISTIFY_9(F, sep, __VA_ARGS__) Z_BARE_ sep F(9, __VA_ARGS__)
#define Z_LISTIFY_11(F, sep, ...) Z_LISTIFY_10(F, sep, __VA_ARGS__) Z_BARE_ sep F(10, __VA_ARGS__)
#define Z_LISTIFY_12(F, sep, ...) Z_LISTIFY_11(F, sep, __VA_ARGS__) Z_BARE_ sep F(11, __VA_ARGS__)
#define Z_LISTIFY_13(F, sep, ...) Z_LISTIFY_12(F, sep, __VA_ARGS__) Z_BARE_ sep F(12, __VA_ARGS__)
#define Z_LISTIFY_14(F, sep, ...) Z_LISTIFY_13(F, sep, __VA_ARGS__) Z_BARE_ sep F(13, __VA_ARGS__)
#define Z_LISTIFY_15(F, sep, ...) Z_LISTIFY_14(F, sep, __VA_ARGS__) Z_BARE_ sep F(14, __VA_ARGS__)
#define Z_LISTIFY_16(F, sep, ...) Z_LISTIFY_15(F, sep, __VA_ARGS__) Z_BARE_ sep F(15, __VA_ARGS__)
#define Z_LISTIFY_17(F, sep, ...) Z_LISTIFY_16(F, sep, __VA_ARGS__) Z_BARE_ sep F(16, __VA_ARGS__)
#define Z_LISTIFY_18(F, sep, ...) Z_LISTIFY_17(F, sep, __VA_ARGS__) Z_BARE_ sep F(17, __VA_ARGS__)
#define Z_LISTIFY_19(F, sep, ...) Z_LISTIFY_18(F, sep, __VA_ARGS__) Z_BARE_ sep F(18, __VA_ARGS__)
#define Z_LISTIFY_20(F, sep, ...) Z_LISTIFY_19(F, sep, __VA_ARGS__) Z_BARE_ sep F(19, __VA_ARGS__)
#define Z_LISTIFY_21(F, sep, ...) Z_LISTIFY_20(F, sep, __VA_ARGS__) Z_BARE_ sep F(20, __VA_ARGS__)
#define Z_LISTIFY_22(F, sep, ...) Z_LISTIFY_21(F, sep, __VA_ARGS__) Z_BARE_ sep F(21, __VA_ARGS__)
#define Z_LISTIFY_23(F, sep, ...) Z_LISTIFY_22(F, sep, __VA_ARGS__) Z_BARE_ sep F(22, __VA_ARGS__)
#define Z_LISTIFY_24(F, sep, ...) Z_LISTIFY_23(F, sep, __VA_ARGS__) Z_BARE_ sep F(23, __VA_ARGS__)
#define Z_LISTIFY_25(F, sep, ...) Z_LISTIFY_24(F, sep, __VA_ARGS__) Z_BARE_ sep F(24, __VA_ARGS__)
#define Z_LISTIFY_26(F, sep, ...) Z_LISTIFY_25(F, sep, __VA_ARGS__) Z_BARE_ sep F(25, __VA_ARGS__)
#define Z_LISTIFY_27(F, sep, ...) Z_LISTIFY_26(F, sep, __VA_ARGS__) Z_BARE_ sep F(26, __VA_ARGS__)
#define Z_LISTIFY_28(F, sep, ...) Z_LISTIFY_27(F, sep, __VA_ARGS__) Z_BARE_ sep F(27, __VA_ARGS__)
#define Z_LISTIFY_29(F, sep, ...) Z_LISTIFY_28(F, sep, __VA_ARGS__) Z_BARE_ sep F(28, __VA_ARGS__)
#define Z_LISTIFY_30(F, sep, ...) Z_LISTIFY_29(F, sep, __VA_ARGS__) Z_BARE_ sep F(29, __VA_ARGS__)
#define Z_LISTIFY_31(F, sep, ...) Z_LISTIFY_30(F, sep, __VA_ARGS__) Z_BARE_ sep F(30, __VA_ARGS__)
#define Z_LISTIFY_32(F, sep, ...) Z_LISTIFY_31(F, sep, __VA_ARGS__) Z_BARE_ sep F(31, __VA_ARGS__)
/** @endcond */
#endif

#ifndef FOR_EACH
/**
 * F(x) sep F(y) sep ... for each of the arguments after @p sep.
 *
 * @param F   a macro of one argument
 * @param sep what goes in between, in brackets, such as (;)
 */
#define FOR_EACH(F, sep, ...) UTIL_CAT(Z_FOR_EACH_, NUM_VA_ARGS(__VA_ARGS__))(F, sep, __VA_ARGS__)
/** @cond internal */
#define Z_FOR_EACH_1(F, sep, x)       F(x)
#define Z_FOR_EACH_2(F, sep, x, ...)  F(x) Z_BARE_ sep Z_FOR_EACH_1(F, sep, __VA_ARGS__)
#define Z_FOR_EACH_3(F, sep, x, ...)  F(x) Z_BARE_ sep Z_FOR_EACH_2(F, sep, __VA_ARGS__)
#define Z_FOR_EACH_4(F, sep, x, ...)  F(x) Z_BARE_ sep Z_FOR_EACH_3(F, sep, __VA_ARGS__)
#define Z_FOR_EACH_5(F, sep, x, ...)  F(x) Z_BARE_ sep Z_FOR_EACH_4(F, sep, __VA_ARGS__)
#define Z_FOR_EACH_6(F, sep, x, ...)  F(x) Z_BARE_ sep Z_FOR_EACH_5(F, sep, __VA_ARGS__)
#define Z_FOR_EACH_7(F, sep, x, ...)  F(x) Z_BARE_ sep Z_FOR_EACH_6(F, sep, __VA_ARGS__)
#define Z_FOR_EACH_8(F, sep, x, ...)  F(x) Z_BARE_ sep Z_FOR_EACH_7(F, sep, __VA_ARGS__)
#define Z_FOR_EACH_9(F, sep, x, ...)  F(x) Z_BARE_ sep Z_FOR_EACH_8(F, sep, __VA_ARGS__)
#define Z_FOR_EACH_10(F, sep, x, ...) F(x) Z_BARE_ sep Z_FOR_EACH_9(F, sep, __VA_ARGS__)
#define Z_FOR_EACH_11(F, sep, x, ...) F(x) Z_BARE_ sep Z_FOR_EACH_10(F, sep, __VA_ARGS__)
#define Z_FOR_EACH_12(F, sep, x, ...) F(x) Z_BARE_ sep Z_FOR_EACH_11(F, sep, __VA_ARGS__)
#define Z_FOR_EACH_13(F, sep, x, ...) F(x) Z_BARE_ sep Z_FOR_EACH_12(F, sep, __VA_ARGS__)
#define Z_FOR_EACH_14(F, sep, x, ...) F(x) Z_BARE_ sep Z_FOR_EACH_13(F, sep, __VA_ARGS__)
#define Z_FOR_EACH_15(F, sep, x, ...) F(x) Z_BARE_ sep Z_FOR_EACH_14(F, sep, __VA_ARGS__)
#define Z_FOR_EACH_16(F, sep, x, ...) F(x) Z_BARE_ sep Z_FOR_EACH_15(F, sep, __VA_ARGS__)
/** @endcond */
#endif
/** @} */

#endif
