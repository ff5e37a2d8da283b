/* On what the figures were measured, in one line. */
#ifndef GATEHOUSE_TESTS_BENCH_MACHINE_H
#define GATEHOUSE_TESTS_BENCH_MACHINE_H

#include <stddef.h>

/* Cores, processor, kernel, the file system that holds path, and the load. Holds
 * nothing that would have to be escaped in JSON. */
void machine_describe(char *out, size_t size, const char *path);

#endif
