/* A child process of a test: started, watched, stopped, never left behind.
 *
 * The kernel kills the child (SIGKILL) when the thread that started it ends, so
 * start children from the main thread, or from one that outlives them. It forgets to
 * for a child that changes its user id. */
#ifndef TESTS_LIB_PROCESS_H
#define TESTS_LIB_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/folder.h"

struct process {
    pid_t pid;                 /* 0 = never started */
    int pidfd;
    bool ended;                /* status is valid, the child is reaped */
    int status;                /* exit status, or 128 + signal */
    char name[64];
    char log[FOLDER_PATH_MAX]; /* its standard output and error */
    int64_t seen;              /* of the log: how far process_wait_line has come */
};

struct process_options {
    const char *const *argv; /* NULL-terminated; argv[0] without a slash is looked up in PATH */
    const char *const *env;  /* "NAME=value" beside our own environment, NULL-terminated; or NULL */
    const char *log_path;    /* standard output and error are appended here */
    const char *cwd;         /* NULL = ours */
    int nice;                /* setpriority(2); only upwards from ours, which 0 keeps */
};

/* False if it cannot be started (no such program included). A line that was in
 * the log before the start is not seen by process_wait_line. */
bool process_start(struct process *process, const struct process_options *options);

/* Waits for the next line of its output that begins with prefix ("" = any).
 * Lines up to it are taken: the next call looks behind it. line may be NULL,
 * else gets the line without its newline, cut to line_max - 1 bytes. False, with
 * the log's end on standard error, on timeout or when it ended without. */
bool process_wait_line(struct process *process, const char *prefix, int timeout_ms, char *line,
                       size_t line_max);

/* The same for a line that has text anywhere in it. */
bool process_wait_text(struct process *process, const char *text, int timeout_ms, char *line,
                       size_t line_max);

/* Whether text was written so far; takes nothing, waits for nothing. */
bool process_has_said(const struct process *process, const char *text);

bool process_signal(struct process *process, int signal);
bool process_is_alive(struct process *process);

/* Waits for its end; status may be NULL. False, log shown, when it goes on. */
bool process_wait(struct process *process, int timeout_ms, int *status);

/* SIGTERM, and SIGKILL when that has no effect in 10 s (which returns false).
 * Fine for one that was never started or has ended: then true. */
bool process_stop(struct process *process);
/* SIGKILL, and waits for the end. */
bool process_kill(struct process *process);

/* The last lines of its log on standard error. */
void process_show_log(const struct process *process);

/* Runs a program to its end with input (NULL = none) on standard input. *out and
 * *err_out (each may be NULL) get its standard output and error, owned, closed by
 * a NUL, cut at 1 MiB. Returns its exit status (128 + signal), -1 when it could
 * not be started or did not end in time (it is killed then). */
int process_run(const char *const *argv, const char *input, int timeout_ms, char **out,
                char **err_out);

/* Runs a command of the shell, which stops at the first that fails, within timeout_ms. False:
 * it did not end well; what it said on standard error is said. */
__attribute__((format(printf, 2, 3))) bool process_shell(int timeout_ms, const char *format, ...);

#endif
