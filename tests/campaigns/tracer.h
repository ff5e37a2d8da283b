/* Kills a process as it enters its N-th system call: a program of its own, since only another process
 * can wait for a child of ours under ptrace. The campaign's program is that program, too. */
#ifndef TESTS_CAMPAIGNS_TRACER_H
#define TESTS_CAMPAIGNS_TRACER_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/folder.h"
#include "lib/process.h"

/* Begins main of a program that uses tracer_start: if it was started as a tracer, plays that and
 * returns true, *status its exit status. */
bool tracer_main(int argc, char **argv, int *status);

/* Attaches a tracer to all threads of a process that runs; counts its system calls from now on, all
 * threads together, and kills it as it enters number n (from 1; 0 = never). False: not attached. */
bool tracer_start(struct process *tracer, const struct folder *folder, pid_t pid, int64_t n);
/* Waits for the end of the process, however it comes. *calls gets how many it has entered;
 * *is_ours whether the tracer killed it. */
bool tracer_wait(struct process *tracer, int64_t *calls, bool *is_ours);

#endif
