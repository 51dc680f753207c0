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
 * What cannot be understood is skipped, and said so once, with a hint: the name that was probably
 * meant, or all names; or the values that there are. A program that runs with raised privileges
 * ignores the variable (os_environment). */
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
    [OPTION_STATS_FORMAT] = "stats_format",
    [OPTION_STATS_SIGNAL] = "stats_signal",
    [OPTION_SYSTEM_HEAP] = "system_heap",
    [OPTION_ZERO_ON_FREE] = "zero_on_free",
};

/* What a value may be, as a complaint says it; NULL: it says nothing. */
static const char *const values[OPTION_COUNT] = {
    [OPTION_ARENAS] = "1 to 32",
    [OPTION_EXHAUSTED] = "grow or fail",
    [OPTION_FOREIGN] = "ignore or abort",
    [OPTION_FRONTEND] = "slab or heap",
    [OPTION_HUGE] = "0 or 1",
    [OPTION_LARGE_THRESHOLD] = "32k to 32m",
    [OPTION_PURGE_DELAY_MS] = "0 to 3600000",
    [OPTION_RESERVE] = "1m to 128g",
    [OPTION_RT] = "0 or 1",
    [OPTION_STATS] = "a path of at most 255 bytes, or stderr",
    [OPTION_STATS_FORMAT] = "line or table",
    [OPTION_STATS_SIGNAL] = "USR1, USR2, RTMIN+n, or the number of a signal that can be had",
    [OPTION_SYSTEM_HEAP] = "0 to 15g",
    [OPTION_ZERO_ON_FREE] = "0 or 1, and for the hardened malloc only",
};

/* The setters of the first reader. Atomic. Exported, and weak so that no compiler takes the one at
 * hand: in a process that has a preloaded malloc and libquarry.so as well, both have the one that
 * the loader finds first. */
__attribute__((visibility("default"), weak)) const option_setter *quarry_options_first_reader;

bool option_text_is(struct option_text text, const char *word)
{
    return text.length == strlen(word) && memcmp(text.start, word, text.length) == 0;
}

/* Factor that a size's last character stands for; 1 if it is none of the suffixes. */
static size_t suffix_factor(char suffix)
{
    switch (suffix) {
    case 'k':
    case 'K':
        return KIB;
    case 'm':
    case 'M':
        return MIB;
    case 'g':
    case 'G':
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

/* --- Complaints --- */

/* So many bytes of what was written are shown, and compared with names. */
#define SHOWN_BYTES 63u

static void add_text(struct line *line, struct option_text text)
{
    char shown[SHOWN_BYTES + 1];
    size_t length = text.length < SHOWN_BYTES ? text.length : SHOWN_BYTES;

    memcpy(shown, text.start, length);
    shown[length] = '\0';
    line_add(line, shown);
}

static void begin_complaint(struct line *line, const char *problem, struct option_text name)
{
    line->length = 0;
    line_add(line, "quarry: ");
    line_add(line, problem);
    line_add(line, " in QUARRY_OPTIONS, skipped: ");
    add_text(line, name);
}

static size_t least(size_t a, size_t b, size_t c)
{
    size_t less = a < b ? a : b;

    return less < c ? less : c;
}

/* How many characters are to be put in, taken out or replaced to make a name of a text. */
static size_t distance(struct option_text text, const char *name)
{
    size_t row[SHOWN_BYTES + 1]; /* of the text's first i characters to the name's first k */
    size_t length = text.length < SHOWN_BYTES ? text.length : SHOWN_BYTES;

    for (size_t i = 0; i <= length; i++) {
        row[i] = i;
    }
    for (size_t k = 0; name[k] != '\0'; k++) {
        size_t diagonal = row[0];

        row[0] = k + 1;
        for (size_t i = 1; i <= length; i++) {
            size_t above = row[i];

            row[i] = least(above + 1, row[i - 1] + 1, diagonal + (text.start[i - 1] != name[k]));
            diagonal = above;
        }
    }
    return row[length];
}

/* The name that differs in a third of its characters at most, and least of all; or NULL. */
static const char *nearest_name(struct option_text text)
{
    const char *nearest = NULL;
    size_t fewest = SIZE_MAX;

    for (size_t option = 0; option < OPTION_COUNT; option++) {
        size_t wrong = distance(text, names[option]);

        if (wrong < fewest && wrong * 3 <= strlen(names[option])) {
            fewest = wrong;
            nearest = names[option];
        }
    }
    return nearest;
}

static void complain_of_name(struct option_text name)
{
    const char *nearest = nearest_name(name);
    struct line line;

    begin_complaint(&line, "unknown option", name);
    line_add(&line, nearest != NULL ? "; did you mean " : "; there are");
    for (size_t option = 0; nearest == NULL && option < OPTION_COUNT; option++) {
        line_add(&line, option == 0 ? " " : ", ");
        line_add(&line, names[option]);
    }
    if (nearest != NULL) {
        line_add(&line, nearest);
        line_add(&line, "?");
    }
    line_to_stderr(&line);
}

static void complain_of_value(size_t option, struct option_text value)
{
    struct option_text name = {names[option], strlen(names[option])};
    struct line line;

    begin_complaint(&line, "bad value of option", name);
    if (values[option] != NULL) {
        line_add(&line, "; \"");
        add_text(&line, value);
        line_add(&line, "\" is not ");
        line_add(&line, values[option]);
    }
    line_to_stderr(&line);
}

/* --- Reading --- */

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

    return __atomic_compare_exchange_n(&quarry_options_first_reader, &first, setters, false,
                                       __ATOMIC_RELAXED, __ATOMIC_RELAXED) ||
           first == setters;
}

static void apply(const option_setter *setters, struct option_text name, struct option_text value)
{
    size_t option = option_of(name);

    if (option == OPTION_COUNT) {
        if (reports_unknown_names(setters)) {
            complain_of_name(name);
        }
    } else if (setters[option] != NULL && !setters[option](value)) {
        complain_of_value(option, value);
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
