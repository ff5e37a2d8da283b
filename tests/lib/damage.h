/* Damage to files, as a disk or a memory does it. */
#ifndef GATEHOUSE_TESTS_LIB_DAMAGE_H
#define GATEHOUSE_TESTS_LIB_DAMAGE_H

#include <stdbool.h>
#include <stdint.h>

/* Turns one bit (0..7) of the byte at this offset round. */
bool damage_flip(const char *path, int64_t at, int bit);
/* One bit of each page from this one on (1 is the first). Returns how many; -1 = failed. */
int damage_pages(const char *path, int64_t first_page);
int64_t damage_size(const char *path); /* bytes; -1 = no such file */

#endif
