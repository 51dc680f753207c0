/* SPDX-License-Identifier: Apache-2.0 */
/* The text of QUARRY_OPTIONS: name=value pairs, separated by commas.
 *
 *    system_heap=64k,,arenas=2,colour=red
 *    `--- name   `--- value    `--- unknown to all: reported once
 *
 * Several parts of the library read it, each at its own time and for its own options. So
 *
 *   1. every name is known here: what is one reader's is not unknown to another;
 *   2. a bad value is reported by the reader whose option it is;
 *   3. an unknown name is reported by whichever reader comes first.
 *
 * What cannot be understood is skipped. A program that runs with raised privileges ignores the
 * variable (os_environment). */
#include "os/option_text.h"

#include <stdint.h>
#include <string.h>

#include "core/bits.h"
#include "os/fault.h"
#include "os/os.h"

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)

static const char names[OPTION_COUNT][16] = {
    [OPTION_ARENAS] = "arenas",
    [OPTION_EXHAUSTED] = "exhausted",
    [OPTION_FOREIGN] = "foreign",
    [OPTION_FRONTEND] = "frontend",
    [OPTION_HUGE] = "huge",
    [OPTION_LARGE_THRESHOLD] = "large_threshold",
    [OPTION_PURGE_DELAY_MS] = "purge_delay_ms",
    [OPTION_RESERVE] = "reserve",
    [OPTION_RT] = "rt",
    [OPTION_STATS] = "stats",
    [OPTION_SYSTEM_HEAP] = "system_heap",
};

/* The setters of the first reader. Atomic. */
static const option_setter *first_reader;

bool option_text_is(struct option_text text, const char *word)
{
    return text.length == strlen(word) && memcmp(text.start, word, text.length) == 0;
}

/* Factor that a size's last character stands for; 1 if it is none of the suffixes. */
static size_t suffix_factor(char suffix)
{
    switch (suffix) {
    case 'k':
        return KIB;
    case 'm':
        return MIB;
    case 'g':
        return KIB * MIB;
    default:
        return 1;
    }
}

bool option_text_size(struct option_text text, size_t *value)
{
    size_t factor = text.length != 0 ? suffix_factor(text.start[text.length - 1]) : 1;
    size_t digits = text.length - (factor != 1);

    *value = 0;
    for (size_t i = 0; i < digits; i++) {
        unsigned int digit = (unsigned int)(text.start[i] - '0');

        if (digit > 9 || !size_multiply(*value, 10, value) || !size_add(*value, digit, value)) {
            return false;
        }
    }
    return digits != 0 && size_multiply(*value, factor, value);
}

static void complain(const char *problem, struct option_text text)
{
    char name[64];
    struct line line = {.length = 0};
    size_t length = text.length < sizeof(name) ? text.length : sizeof(name) - 1;

    memcpy(name, text.start, length);
    name[length] = '\0';
    line_add(&line, "quarry: ");
    line_add(&line, problem);
    line_add(&line, " in QUARRY_OPTIONS, skipped: ");
    line_add(&line, name);
    line_to_stderr(&line);
}

/* The option of that name, or OPTION_COUNT. */
static size_t option_of(struct option_text name)
{
    size_t option = 0;

    while (option < OPTION_COUNT && !option_text_is(name, names[option])) {
        option++;
    }
    return option;
}

/* Rule 3. */
static bool reports_unknown_names(const option_setter *setters)
{
    const option_setter *first = NULL;

    return __atomic_compare_exchange_n(&first_reader, &first, setters, false, __ATOMIC_RELAXED,
                                       __ATOMIC_RELAXED) ||
           first == setters;
}

static void apply(const option_setter *setters, struct option_text name, struct option_text value)
{
    size_t option = option_of(name);

    if (option == OPTION_COUNT) {
        if (reports_unknown_names(setters)) {
            complain("unknown option", name);
        }
    } else if (setters[option] != NULL && !setters[option](value)) {
        complain("bad value of option", name);
    }
}

static void apply_pair(const option_setter *setters, struct option_text pair)
{
    const char *equals = memchr(pair.start, '=', pair.length);
    size_t name_length = equals != NULL ? (size_t)(equals - pair.start) : pair.length;
    size_t value_offset = equals != NULL ? name_length + 1 : pair.length;

    apply(setters, (struct option_text){pair.start, name_length},
          (struct option_text){pair.start + value_offset, pair.length - value_offset});
}

bool option_text_read(const option_setter setters[OPTION_COUNT])
{
    const char *text = os_environment("QUARRY_OPTIONS");

    while (text != NULL && *text != '\0') {
        size_t length = strcspn(text, ",");

        if (length != 0) {
            apply_pair(setters, (struct option_text){text, length});
        }
        text += length + (text[length] == ',');
    }
    return os_environment_ready();
}
