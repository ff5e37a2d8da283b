/* gatehousectl, run as somebody at a terminal runs it. */
#ifndef TESTS_LIB_CTL_H
#define TESTS_LIB_CTL_H

/* Its exit status, -1 when it did not end in time; words end with NULL, input is what it
 * finds on standard input (NULL: nothing). *said gets both its ends, first standard output;
 * owned, also on failure; NULL = not wanted. */
int ctl_run(const char *config_path, const char *input, const char *const *words, char **said);

/* The same at a terminal that is so many columns wide, without input; *said gets what was
 * shown there, with plain newlines; owned, also on failure. */
int ctl_run_at_terminal(const char *config_path, int columns, const char *const *words,
                        char **said);

#endif
