/* Counts what our own objects ask of the heap, and what they give back; what a library does
 * inside is not in it. Only in programs that are linked with COUNTS (Makefile): there each call
 * of malloc and its like goes through here. */
#ifndef GATEHOUSE_TESTS_LIB_ALLOCATIONS_H
#define GATEHOUSE_TESTS_LIB_ALLOCATIONS_H

#include <stdatomic.h>
#include <stdint.h>

#define ALLOCATIONS_PLACES 64

struct allocations {
    atomic_uint_fast64_t n; /* calls so far, of all threads */
    /* Where the newest ones came from: addr2line -e PROGRAM 0xPLACE. Call i is at i % PLACES. */
    atomic_uint_fast64_t place[ALLOCATIONS_PLACES];
};

/* In the environment of a program: its counts lie in this file, for others to read. */
#define ALLOCATIONS_FILE "GATEHOUSE_ALLOCATIONS"

/* Of this process. */
const struct allocations *allocations_here(void);

#endif
