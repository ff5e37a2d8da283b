/* Events as a table for people: whole where it is kept or wide enough, else one that fits
 * the terminal. */
#ifndef GATEHOUSE_APP_CTL_EVENT_TABLE_H
#define GATEHOUSE_APP_CTL_EVENT_TABLE_H

#include "adapters/json/json.h"
#include "core/dialect.h"

struct event_table {
    enum dialect dialect; /* in whose words */
    int columns;          /* of the terminal, when it is too narrow for the whole table; else 0 */
};

/* Looks at standard output, and prints the heading there. */
struct event_table event_table_begin(enum dialect dialect);
void event_table_row(const struct event_table *table, const struct json *event);

#endif
