/* A database of the product, opened by the test itself to look at it, lock it or
 * change it. Pages that the test writes get right sums, but in a file of a layout
 * from before there were any, or that the test makes by this call. */
#ifndef GATEHOUSE_TESTS_LIB_BY_HAND_H
#define GATEHOUSE_TESTS_LIB_BY_HAND_H

#include <sqlite3.h>

/* Returns owned, for sqlite3_close; NULL on failure. */
sqlite3 *by_hand_open(const char *path);

#endif
