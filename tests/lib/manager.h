/* Plays systemd for one unit: starts its program, listens to its notifications, ends it when
 * its watchdog is not fed, runs ExecStopPost however it ended, starts it again. What is to be
 * done, and after how long, is read from the unit file that we ship. */
#ifndef TESTS_LIB_MANAGER_H
#define TESTS_LIB_MANAGER_H

#include <stdbool.h>
#include <sys/types.h>

struct manager;

/* Starts the unit systemd/NAME with this configuration, and keeps it running. The programs are
 * those that were built. log: of all that it starts. Owned; NULL if it cannot. */
struct manager *manager_open(const char *unit, const char *config_path, const char *log);

/* Waits until the unit has said that it is ready for the n-th time (the first start is 1). */
bool manager_wait_ready(struct manager *manager, int n, int timeout_ms);

/* How often it has been started and has said that it is ready. */
int manager_starts(struct manager *manager);

/* How often it has been started, ready or not. */
int manager_launches(struct manager *manager);

/* The program's process now; 0 while there is none. */
pid_t manager_pid(struct manager *manager);

/* systemctl stop: SIGTERM, then ExecStopPost; waits for both. True if the program ended by
 * itself with status 0. */
bool manager_stop(struct manager *manager);
/* systemctl start, after a stop. */
bool manager_start(struct manager *manager, int timeout_ms);

/* Stops it and frees. NULL is allowed. */
void manager_close(struct manager *manager);

#endif
