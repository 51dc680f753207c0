/* SPDX-License-Identifier: Apache-2.0 */
/* The one global of core: who watches the heaps. */
#include "core/note.h"

const struct note_watcher *note_watcher;
