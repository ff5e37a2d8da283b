/* A program that is stopped at a step: it gets a signal as it enters one of its system calls.
 *
 * No other child of the caller may end meanwhile. */
#ifndef TESTS_LIB_CUT_H
#define TESTS_LIB_CUT_H

#include <stdbool.h>

/* Which calls are steps: those after which names are other ones; or also those that make a file,
 * write, or make bytes durable. */
enum cut_steps { CUT_NAMES, CUT_WRITES };

struct cut {
    const char *const *argv; /* NULL-terminated; argv[0] is a path */
    const char *input;       /* a file for its standard input; NULL = nothing */
    const char *output;      /* a file that gets its standard output; NULL = nowhere */
    enum cut_steps steps;
    int at;     /* the step, from 1; 0 = it is left alone */
    int signal; /* that it gets then */
    void (*before)(void); /* called then, before the signal; NULL = nothing */
};

/* Runs it to its end. How many steps there were; *status is its exit status, or 128 + signal. */
int cut_run(const struct cut *cut, int *status);

#endif
