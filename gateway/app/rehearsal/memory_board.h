/* A relay board in memory, for rehearsals: no thread, no socket. */
#ifndef GATEHOUSE_APP_REHEARSAL_MEMORY_BOARD_H
#define GATEHOUSE_APP_REHEARSAL_MEMORY_BOARD_H

#include "relay.h"

/* Returns owned; NULL when out of memory. Its close frees it. Any line can be
 * had, any number of times. */
struct relay_board *memory_board_open(void);

/* A relay whose board does not answer: set and get give HAL_GONE. */
void memory_board_set_gone(struct relay_board *board, int index, bool gone);

#endif
