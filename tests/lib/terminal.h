/* A terminal with a program at it, as a person has one: what is shown there, what is typed.
 * A program that is not waited for is hung up at the end. */
#ifndef TESTS_LIB_TERMINAL_H
#define TESTS_LIB_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct terminal {
    int fd;
    pid_t pid;
    char *shown; /* so far, without bells, with plain newlines; owned */
    size_t len, room;
    size_t seen; /* of it: how far terminal_wait_text has come */
};

/* argv[0] is looked up in PATH; the program dies with the test. False if it cannot be
 * started. */
bool terminal_open(struct terminal *t, const char *const *argv, int columns);
bool terminal_type(struct terminal *t, const char *text);
/* Waits until it shows text behind what was waited for before. False, with all that is
 * shown on standard error, on timeout or when the program ended without. */
bool terminal_wait_text(struct terminal *t, const char *text, int timeout_ms);
/* Waits for the program's end: its exit status, -1 on timeout (it is killed then) or when a
 * signal ended it. */
int terminal_wait_end(struct terminal *t, int timeout_ms);
/* Fine for one that was not opened but zeroed. */
void terminal_close(struct terminal *t);

#endif
