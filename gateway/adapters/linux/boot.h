/* Which boot of the machine this is. */
#ifndef GATEHOUSE_ADAPTERS_LINUX_BOOT_H
#define GATEHOUSE_ADAPTERS_LINUX_BOOT_H

#include <stdint.h>

#include "core/slice.h"

/* A number that is the same until the machine boots again: boot_id_hash of the
 * text in /proc/sys/kernel/random/boot_id. 0 if it cannot be read, and never
 * otherwise: then no two boots can be told apart, and times of another process
 * must not be trusted to be of this one. */
uint64_t linux_boot_id_hash(void);

/* FNV-1a, 64 bits, of the bytes before the newline; 0 becomes 1. It is stored:
 * it may not change between versions. */
uint64_t boot_id_hash(struct slice text);

#endif
