/* Sums that tell whether stored bytes are those that were written.
 *
 * page_sum: of a page of a database file. All but the last 8 bytes of a page of
 * 4096 bytes are taken as words of 8 bytes, little-endian, word i into lane i % 4:
 *     lane = rotate_left((lane ^ word) * 0x9e3779b97f4a7c15, 31)
 * Lane i begins with i + 1. The lanes go the same way, in order, into a fifth
 * number that begins with the number of the page (1 is the first). Its value, each
 * half XORed into the lower one (h ^ h >> 32), is the sum. The last 8 bytes of the
 * page hold it, little-endian.
 * Each step is a bijection of the word and of the lane: damage within one word,
 * so each single bit, always changes the sum; other damage is missed once in 2^64.
 * A whole page that was once right at its place is not noticed. */
#ifndef GATEHOUSE_ADAPTERS_SQLITE_PAGE_SUM_H
#define GATEHOUSE_ADAPTERS_SQLITE_PAGE_SUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE_BYTES 4096
#define PAGE_SUM_BYTES 8 /* reserved at the end of each page */

uint64_t page_sum(const unsigned char page[PAGE_BYTES], uint32_t number);

/* Writes the sum into the last bytes of the page; whether they hold it. */
void page_seal(unsigned char page[PAGE_BYTES], uint32_t number);
bool page_is_whole(const unsigned char page[PAGE_BYTES], uint32_t number);

/* The sum that SQLite itself keeps in a write-ahead log, which it looks at only
 * after a crash: described in its file format, 4.1 to 4.2. bytes: a multiple of 8,
 * as words of this machine's order. sum: what it was before, and is then. */
void log_sum(uint32_t sum[2], const unsigned char *bytes, size_t len);

/* A number as the log stores it, big-endian. */
uint32_t log_number(const unsigned char bytes[4]);

#endif
