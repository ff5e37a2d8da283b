/* The lines of a configuration, as the kernel knows them. */
#ifndef GATEHOUSE_APP_CTL_LINE_CHECK_H
#define GATEHOUSE_APP_CTL_LINE_CHECK_H

#include "app/config.h"

/* Prints each line that was found, each mistake (no such line, two users of one, held by
 * another program) and what is unwise in the wiring. How many mistakes there are. */
int line_check(const struct config *config);

/* Prints each as it is configured; the kernel is not asked. */
void line_list(const struct config *config);

#endif
