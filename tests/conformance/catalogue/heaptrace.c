/* SPDX-License-Identifier: Apache-2.0 */
#include <zephyr/sys/heaptrace.h>
#include "catalogue.h"

void catalogue_heaptrace(void)
{
    const struct entry entries[] = {
        TYPE(heaptrace_record_cb_t),
        TYPE(heaptrace_resize_cb_t),
        TYPE(heaptrace_heap_cb_t),
        FUNCTION(heaptrace_init),
        FUNCTION(heaptrace_reset),
        FUNCTION(heaptrace_alloc),
        FUNCTION(heaptrace_free),
        FUNCTION(heaptrace_foreach_record),
        FUNCTION(heaptrace_outstanding_bytes),
        FUNCTION(heaptrace_outstanding_blocks),
        FUNCTION(heaptrace_resize),
        FUNCTION(heaptrace_foreach_resize),
        FUNCTION(heaptrace_foreach_heap),
        FUNCTION(heaptrace_set_filter_tid),
        FUNCTION(heaptrace_set_filter_name),
        FUNCTION(heaptrace_set_filter_cpu),
        FUNCTION(heaptrace_clear_filter),
        FUNCTION(heaptrace_get_filter_tid),
        FUNCTION(heaptrace_get_filter_name),
        FUNCTION(heaptrace_get_filter_cpu),
        FUNCTION(heaptrace_filter_str),
        FUNCTION(heaptrace_find_tid_by_name),
        FUNCTION(heaptrace_heap_id_to_name),
    };

    CATALOGUE(entries);
}
