/* Ctrl-C and its like, for commands that have something to take back first. */
#ifndef GATEHOUSE_APP_CTL_INTERRUPT_H
#define GATEHOUSE_APP_CTL_INTERRUPT_H

#include <stdbool.h>

/* From here on SIGINT, SIGTERM and SIGHUP end nothing by themselves: they wait, and
 * interrupt_came() is true. Before any thread is made. */
void interrupt_watch(void);
bool interrupt_came(void);

/* They end the program again, also one that came meanwhile. */
void interrupt_let(void);

/* Waits until there is something to read, or its end. False: such a signal came first. */
bool interrupt_wait_for(int fd);

#endif
