/* SPDX-License-Identifier: Apache-2.0 */
#include <zephyr/kernel.h>
#include <zephyr/sys/printk.h>
#include "firmware.h"

int main(void)
{
    int dropped = 0;

    if (packet_path_init() != 0 || scratch_init() != 0) {
        printk("initialisation failed\n");
        return 1;
    }
    for (int16_t i = 1; i <= 10; i++) {
        dropped += sensor_hub_submit(1, i) == -ENOMEM;
    }
    int sum = sensor_hub_run();
    int header_size = packet_path_run();
    int scratch = scratch_run();

    if (dropped != 2 || sum != 36 || header_size != 16 || scratch != 0) {
        printk("dropped %d, sum %d, header %d, scratch %d\n", dropped, sum, header_size, scratch);
        return 1;
    }
    return 0;
}
