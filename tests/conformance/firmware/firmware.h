/* SPDX-License-Identifier: Apache-2.0 */
/* A small firmware, of modules as people write them for Zephyr. See unchanged.py. */
#ifndef QUARRY_TESTS_FIRMWARE_H
#define QUARRY_TESTS_FIRMWARE_H

#include <stddef.h>
#include <stdint.h>

/* What its own Kconfig would say. */
#define CONFIG_PACKET_FRAGMENT_SIZE 64
#define CONFIG_PACKET_DMA           1

struct packet;

int sensor_hub_submit(uint16_t channel, int16_t value);
int sensor_hub_run(void);
struct packet *packet_new(size_t length);
void packet_free(struct packet *packet);
int packet_path_init(void);
int packet_path_run(void);
int scratch_init(void);
int scratch_run(void);

#endif
