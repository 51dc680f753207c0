/* SPDX-License-Identifier: Apache-2.0 */
/* What code around memory uses besides. */
#include <zephyr/irq_offload.h>
#include <zephyr/kernel.h>
#include <zephyr/logging/log.h>
#include <zephyr/sys/__assert.h>
#include <zephyr/sys/check.h>
#include "catalogue.h"

LOG_MODULE_REGISTER(catalogue, LOG_LEVEL_ERR);

static int checked(int number)
{
    CHECKIF(number < 0)
    {
        return -EINVAL;
    }
    __ASSERT(number >= 0, "%d is negative", number);
    __ASSERT_NO_MSG(number >= 0);
    LOG_DBG("%d", number);
    LOG_INF("%d", number);
    LOG_WRN("%d", number);
    return 0;
}

static bool atomics_work(void)
{
    static ATOMIC_DEFINE(bits, 100);
    atomic_t number = ATOMIC_INIT(3);

    atomic_set_bit(bits, 77);
    return atomic_inc(&number) == 3 && atomic_dec(&number) == 4 && atomic_get(&number) == 3 &&
           atomic_test_bit(bits, 77) && !atomic_test_bit(bits, 76);
}

static void functions(void)
{
    const struct entry entries[] = {
        FUNCTION(printk),     FUNCTION(vprintk),    FUNCTION(snprintk),    FUNCTION(vsnprintk),
        FUNCTION(k_panic),    FUNCTION(k_oops),     FUNCTION(k_is_in_isr), FUNCTION(irq_offload),
        FUNCTION(atomic_get), FUNCTION(atomic_set), FUNCTION(atomic_inc),  FUNCTION(atomic_dec),
        FUNCTION(atomic_add), FUNCTION(atomic_sub), FUNCTION(atomic_cas),  FUNCTION(atomic_clear),
    };

    CATALOGUE(entries);
}

void catalogue_helpers(void)
{
    const struct entry entries[] = {
        TYPE(atomic_t),
        MACRO(CHECKIF, checked(-1) == -EINVAL),
        MACRO(__ASSERT, checked(1) == 0),
        MACRO(__ASSERT_NO_MSG, checked(0) == 0),
        MACRO(LOG_MODULE_REGISTER, checked(0) == 0),
        MACRO(LOG_DBG, checked(0) == 0),
        MACRO(LOG_INF, checked(0) == 0),
        MACRO(LOG_WRN, checked(0) == 0),
        MACRO(ATOMIC_INIT, atomics_work()),
        MACRO(ATOMIC_DEFINE, atomics_work()),
        MACRO(IS_ENABLED, IS_ENABLED(CONFIG_HEAPTRACE) && !IS_ENABLED(CONFIG_NO_SUCH_OPTION)),
        MACRO(ARRAY_SIZE, ARRAY_SIZE("abc") == 4),
        MACRO(ROUND_UP, ROUND_UP(13, 8) == 16),
        MACRO(ROUND_DOWN, ROUND_DOWN(13, 8) == 8),
        MACRO(DIV_ROUND_UP, DIV_ROUND_UP(13, 8) == 2),
        MACRO(MIN, MIN(1, 2) == 1),
        MACRO(MAX, MAX(1, 2) == 2),
        MACRO(CLAMP, CLAMP(5, 1, 3) == 3),
        MACRO(BIT, BIT(4) == 16),
        MACRO(KB, KB(2) == 2048),
        MACRO(POINTER_TO_UINT, UINT_TO_POINTER(POINTER_TO_UINT("")) != NULL),
        MACRO(STRINGIFY, sizeof(STRINGIFY(abc)) == 4),
    };

    functions();
    CATALOGUE(entries);
}
