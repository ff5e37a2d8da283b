/* The database of a peer that keeps its people in SQLite: peers/schema.sql and people.sql. */
#ifndef GATEHOUSE_TESTS_BENCH_PEER_DB_H
#define GATEHOUSE_TESTS_BENCH_PEER_DB_H

#include <stdbool.h>

/* A new database: so many people with a card each, so many doors with a reader each. False
 * (said) if it cannot be made. */
bool peer_db_make(const char *path, long people, int doors);

/* Events that it holds; -1 (said) if it cannot be read. */
long peer_db_events(const char *path);

#endif
