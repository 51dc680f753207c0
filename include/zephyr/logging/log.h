/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Logging: a line on standard output for each message, when it is logged.
 *
 *     LOG_MODULE_REGISTER(sensor, LOG_LEVEL_DBG);
 *     ...
 *     LOG_WRN("block %p is late", block);
 *
 *     [00:01:02.003,004] <wrn> sensor: block 0x55d0c0ffee00 is late
 *
 * The level of a source file is what LOG_MODULE_REGISTER or LOG_MODULE_DECLARE says in it; else
 * LOG_LEVEL, if it is defined; else CONFIG_LOG_DEFAULT_LEVEL (LOG_LEVEL_INF, unless defined
 * otherwise). Messages above it cost nothing.
 *
 * Cost, Blocks, Threads, Signals: as printk (<zephyr/sys/printk.h>).
 *
 * Source: Zephyr's <zephyr/logging/log.h>. Differs from Zephyr: nothing is deferred, there is one
 * back end, and levels cannot be changed at run time.
 */
#ifndef ZEPHYR_INCLUDE_LOGGING_LOG_H_
#define ZEPHYR_INCLUDE_LOGGING_LOG_H_

#include <stdint.h>
#include <zephyr/sys/util.h>

#ifdef __cplusplus
extern "C" {
#endif

/** @name Levels
 * @{
 */
#define LOG_LEVEL_NONE 0
#define LOG_LEVEL_ERR  1
#define LOG_LEVEL_WRN  2
#define LOG_LEVEL_INF  3
#define LOG_LEVEL_DBG  4
/** @} */

#ifndef CONFIG_LOG_DEFAULT_LEVEL
#define CONFIG_LOG_DEFAULT_LEVEL LOG_LEVEL_INF
#endif

#ifndef LOG_LEVEL
/** The level of modules that say none; to be defined as a macro, before or after this file. */
enum { LOG_LEVEL = CONFIG_LOG_DEFAULT_LEVEL };
#endif

#pragma GCC visibility push(default)

/** @cond internal */
/** A source of messages. */
struct z_log_module {
    const char *name;
    int level; /**< of the last messages that are printed */
};

void z_log_print(int level, const char *module, const char *format, ...) __printf_like(3, 4);
void z_log_hexdump(int level, const char *module, const void *data, uint32_t length,
                   const char *text);
/** @endcond */

#pragma GCC visibility pop

/**
 * LOG_MODULE_REGISTER(name) or LOG_MODULE_REGISTER(name, level): names the messages of a source
 * file. Once, before the first of them.
 */
#define LOG_MODULE_REGISTER(...) Z_LOG_MODULE_(__VA_ARGS__, LOG_LEVEL, )
/** The same in a further source file of a module. */
#define LOG_MODULE_DECLARE(...) LOG_MODULE_REGISTER(__VA_ARGS__)

/** Logs a failure: a format of printf, and what it takes. */
#define LOG_ERR(...) Z_LOG_(LOG_LEVEL_ERR, __VA_ARGS__)
/** Logs something strange. */
#define LOG_WRN(...) Z_LOG_(LOG_LEVEL_WRN, __VA_ARGS__)
/** Logs an event. */
#define LOG_INF(...) Z_LOG_(LOG_LEVEL_INF, __VA_ARGS__)
/** Logs a detail. */
#define LOG_DBG(...) Z_LOG_(LOG_LEVEL_DBG, __VA_ARGS__)

/** Logs memory, 16 bytes a line, after a line of text. */
#define LOG_HEXDUMP_ERR(data, length, text) Z_LOG_HEXDUMP_(LOG_LEVEL_ERR, data, length, text)
/** The same as something strange. */
#define LOG_HEXDUMP_WRN(data, length, text) Z_LOG_HEXDUMP_(LOG_LEVEL_WRN, data, length, text)
/** The same as an event. */
#define LOG_HEXDUMP_INF(data, length, text) Z_LOG_HEXDUMP_(LOG_LEVEL_INF, data, length, text)
/** The same as a detail. */
#define LOG_HEXDUMP_DBG(data, length, text) Z_LOG_HEXDUMP_(LOG_LEVEL_DBG, data, length, text)

/** @cond internal */
#define Z_LOG_MODULE_(module, module_level, ...)                                                   \
    static const struct z_log_module z_log_module_ __maybe_unused = {STRINGIFY(module),            \
                                                                     (module_level)}
#define Z_LOG_(message_level, ...)                                                                 \
    do {                                                                                           \
        if ((message_level) <= z_log_module_.level) {                                              \
            z_log_print((message_level), z_log_module_.name, __VA_ARGS__);                         \
        }                                                                                          \
    } while (false)
#define Z_LOG_HEXDUMP_(message_level, data, length, text)                                          \
    do {                                                                                           \
        if ((message_level) <= z_log_module_.level) {                                              \
            z_log_hexdump((message_level), z_log_module_.name, (data), (length), (text));          \
        }                                                                                          \
    } while (false)
/** @endcond */

#ifdef __cplusplus
}
#endif

#endif
