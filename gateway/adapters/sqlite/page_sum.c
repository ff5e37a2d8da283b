#include "page_sum.h"

#include <endian.h>
#include <string.h>

#define LANES 4
#define WORDS ((PAGE_BYTES - PAGE_SUM_BYTES) / 8)

static uint64_t word_at(const unsigned char *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    return le64toh(word);
}

static uint64_t stir(uint64_t lane, uint64_t word)
{
    uint64_t h = (lane ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    return h << 31 | h >> 33;
}

uint64_t page_sum(const unsigned char page[PAGE_BYTES], uint32_t number)
{
    uint64_t a = 1, b = 2, c = 3, d = 4;
    size_t i = 0;
    /* Four at a time: the lanes do not wait for each other. */
    for (; i + LANES <= WORDS; i += LANES, page += LANES * 8) {
        a = stir(a, word_at(page));
        b = stir(b, word_at(page + 8));
        c = stir(c, word_at(page + 16));
        d = stir(d, word_at(page + 24));
    }
    _Static_assert(WORDS % LANES == 3, "three words are left");
    a = stir(a, word_at(page));
    b = stir(b, word_at(page + 8));
    c = stir(c, word_at(page + 16));
    uint64_t h = stir(stir(stir(stir(number, a), b), c), d);
    return h ^ h >> 32;
}

void page_seal(unsigned char page[PAGE_BYTES], uint32_t number)
{
    uint64_t sum = htole64(page_sum(page, number));
    memcpy(page + PAGE_BYTES - PAGE_SUM_BYTES, &sum, sizeof sum);
}

bool page_is_whole(const unsigned char page[PAGE_BYTES], uint32_t number)
{
    return word_at(page + PAGE_BYTES - PAGE_SUM_BYTES) == page_sum(page, number);
}

void log_sum(uint32_t sum[2], const unsigned char *bytes, size_t len)
{
    uint32_t s0 = sum[0], s1 = sum[1], word[2];
    for (size_t i = 0; i + sizeof word <= len; i += sizeof word) {
        memcpy(word, bytes + i, sizeof word);
        s0 += word[0] + s1;
        s1 += word[1] + s0;
    }
    sum[0] = s0;
    sum[1] = s1;
}

uint32_t log_number(const unsigned char bytes[4])
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}
