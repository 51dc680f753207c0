/* SPDX-License-Identifier: Apache-2.0 */
/* C++'s operator new and delete, by their mangled names, so that C++ programs save a call.
 *
 * A program may replace some of them and rely on the standard's defaults for the others, which call
 * the replaced ones. So each operator here calls the one that the standard's default calls, through
 * its exported name, and ours ends up in malloc only where the program has nothing of its own.
 *
 * What needs C++ itself (the new-handler, throwing, catching) is libstdc++'s: only on failure is it
 * looked for. It may have been loaded after us and out of the global scope, hence by library name.
 */
#include <stdbool.h>
#include <stddef.h>

#include "core/check.h"
#include "os/os.h"
#include "process/face.h"

#pragma GCC visibility push(default)

struct nothrow; /* std::nothrow_t, passed by reference */

void *_Znwm(size_t bytes);
void *_Znam(size_t bytes);
void *_ZnwmRKSt9nothrow_t(size_t bytes, const struct nothrow *tag);
void *_ZnamRKSt9nothrow_t(size_t bytes, const struct nothrow *tag);
void *_ZnwmSt11align_val_t(size_t bytes, size_t align);
void *_ZnamSt11align_val_t(size_t bytes, size_t align);
void *_ZnwmSt11align_val_tRKSt9nothrow_t(size_t bytes, size_t align, const struct nothrow *tag);
void *_ZnamSt11align_val_tRKSt9nothrow_t(size_t bytes, size_t align, const struct nothrow *tag);
void _ZdlPv(void *block);
void _ZdaPv(void *block);
void _ZdlPvm(void *block, size_t bytes);
void _ZdaPvm(void *block, size_t bytes);
void _ZdlPvRKSt9nothrow_t(void *block, const struct nothrow *tag);
void _ZdaPvRKSt9nothrow_t(void *block, const struct nothrow *tag);
void _ZdlPvSt11align_val_t(void *block, size_t align);
void _ZdaPvSt11align_val_t(void *block, size_t align);
void _ZdlPvmSt11align_val_t(void *block, size_t bytes, size_t align);
void _ZdaPvmSt11align_val_t(void *block, size_t bytes, size_t align);
void _ZdlPvSt11align_val_tRKSt9nothrow_t(void *block, size_t align, const struct nothrow *tag);
void _ZdaPvSt11align_val_tRKSt9nothrow_t(void *block, size_t align, const struct nothrow *tag);

#pragma GCC visibility pop

typedef void (*function)(void);
typedef void (*new_handler)(void);
typedef void *(*nothrow_new)(size_t bytes, const struct nothrow *tag);
typedef void *(*aligned_nothrow_new)(size_t bytes, size_t align, const struct nothrow *tag);

static function find_in_cxx_runtime(const char *name)
{
    static const char *const runtimes[] = {"libstdc++.so.6", "libc++abi.so.1", "libc++.so.1"};
    function found = NULL;

    for (size_t i = 0; i < sizeof(runtimes) / sizeof(runtimes[0]) && found == NULL; i++) {
        found = os_find_function(runtimes[i], name);
    }
    return found;
}

/* std::get_new_handler(); NULL also if there is no C++ runtime. */
static new_handler current_new_handler(void)
{
    new_handler (*get)(void) = (new_handler(*)(void))find_in_cxx_runtime("_ZSt15get_new_handlerv");

    return get != NULL ? get() : NULL;
}

_Noreturn static void throw_bad_alloc(void)
{
    function thrower = find_in_cxx_runtime("_ZSt17__throw_bad_allocv");

    if (thrower != NULL) {
        thrower();
    }
    fault("operator new is out of memory, and no C++ runtime is there to throw", NULL, NULL);
}

static void *new_or_throw(size_t align, size_t bytes)
{
    for (;;) {
        void *block = face_memalign(align, bytes);
        if (block != NULL) {
            return block;
        }
        new_handler handler = current_new_handler();
        if (handler == NULL) {
            throw_bad_alloc();
        }
        handler();
    }
}

/* The throwing forms under names that nobody can replace. */

static void *own_new(size_t bytes)
{
    void *block = face_malloc(bytes);

    return block != NULL ? block : new_or_throw(1, bytes);
}

static void *own_aligned_new(size_t bytes, size_t align)
{
    void *block = face_aligned_alloc(align, bytes);

    return block != NULL ? block : new_or_throw(align, bytes);
}

void *_Znwm(size_t bytes) __attribute__((alias("own_new")));
void *_ZnwmSt11align_val_t(size_t bytes, size_t align) __attribute__((alias("own_aligned_new")));

void *_Znam(size_t bytes)
{
    return _Znwm(bytes);
}

void *_ZnamSt11align_val_t(size_t bytes, size_t align)
{
    return _ZnwmSt11align_val_t(bytes, align);
}

/* The nothrow forms. By default they call the throwing form and catch. Where the throwing form is
 * ours and succeeds there is nothing to catch; otherwise the C++ runtime's nothrow form does it. */

static bool new_is_ours(void)
{
    void *(*volatile exported)(size_t) = _Znwm; /* volatile: whose it is shows when loaded */

    return exported == own_new;
}

static bool aligned_new_is_ours(void)
{
    void *(*volatile exported)(size_t, size_t) = _ZnwmSt11align_val_t;

    return exported == own_aligned_new;
}

void *_ZnwmRKSt9nothrow_t(size_t bytes, const struct nothrow *tag)
{
    void *block = new_is_ours() ? face_malloc(bytes) : NULL;

    if (block != NULL) {
        return block;
    }
    nothrow_new catching = (nothrow_new)find_in_cxx_runtime("_ZnwmRKSt9nothrow_t");
    return catching != NULL ? catching(bytes, tag) : NULL;
}

void *_ZnamRKSt9nothrow_t(size_t bytes, const struct nothrow *tag)
{
    return _ZnwmRKSt9nothrow_t(bytes, tag);
}

void *_ZnwmSt11align_val_tRKSt9nothrow_t(size_t bytes, size_t align, const struct nothrow *tag)
{
    void *block = aligned_new_is_ours() ? face_aligned_alloc(align, bytes) : NULL;

    if (block != NULL) {
        return block;
    }
    aligned_nothrow_new catching =
        (aligned_nothrow_new)find_in_cxx_runtime("_ZnwmSt11align_val_tRKSt9nothrow_t");
    return catching != NULL ? catching(bytes, align, tag) : NULL;
}

void *_ZnamSt11align_val_tRKSt9nothrow_t(size_t bytes, size_t align, const struct nothrow *tag)
{
    return _ZnwmSt11align_val_tRKSt9nothrow_t(bytes, align, tag);
}

/* The deletes: two free, the others call one of these. */

void _ZdlPv(void *block)
{
    face_free(block);
}

void _ZdaPv(void *block)
{
    _ZdlPv(block);
}

void _ZdlPvm(void *block, size_t bytes)
{
    (void)bytes;
    _ZdlPv(block);
}

void _ZdaPvm(void *block, size_t bytes)
{
    (void)bytes;
    _ZdaPv(block);
}

void _ZdlPvRKSt9nothrow_t(void *block, const struct nothrow *tag)
{
    (void)tag;
    _ZdlPv(block);
}

void _ZdaPvRKSt9nothrow_t(void *block, const struct nothrow *tag)
{
    (void)tag;
    _ZdaPv(block);
}

void _ZdlPvSt11align_val_t(void *block, size_t align)
{
    (void)align;
    face_free(block);
}

void _ZdaPvSt11align_val_t(void *block, size_t align)
{
    _ZdlPvSt11align_val_t(block, align);
}

void _ZdlPvmSt11align_val_t(void *block, size_t bytes, size_t align)
{
    (void)bytes;
    _ZdlPvSt11align_val_t(block, align);
}

void _ZdaPvmSt11align_val_t(void *block, size_t bytes, size_t align)
{
    (void)bytes;
    _ZdaPvSt11align_val_t(block, align);
}

void _ZdlPvSt11align_val_tRKSt9nothrow_t(void *block, size_t align, const struct nothrow *tag)
{
    (void)tag;
    _ZdlPvSt11align_val_t(block, align);
}

void _ZdaPvSt11align_val_tRKSt9nothrow_t(void *block, size_t align, const struct nothrow *tag)
{
    (void)tag;
    _ZdaPvSt11align_val_t(block, align);
}
