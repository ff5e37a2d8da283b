/* FNV-1a, 64 bits: for tables whose keys no stranger chooses. */
#ifndef GATEHOUSE_CORE_FNV_H
#define GATEHOUSE_CORE_FNV_H

#include <stdint.h>

#include "core/slice.h"

#define FNV1A_BASIS UINT64_C(0xcbf29ce484222325)

/* Goes on from hash; begin with FNV1A_BASIS. */
static inline uint64_t fnv1a(uint64_t hash, struct slice bytes)
{
    for (size_t i = 0; i < bytes.len; i++)
        hash = (hash ^ (unsigned char)bytes.ptr[i]) * UINT64_C(0x100000001b3);
    return hash;
}

#endif
