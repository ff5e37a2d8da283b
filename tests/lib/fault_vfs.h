/* A disk under SQLite whose Nth call fails: the default layer, over the real one, so
 * that the product's own layer (page_check.h) lies over it. One at a time in a process;
 * from any thread. Only files of one folder count. */
#ifndef GATEHOUSE_TESTS_LIB_FAULT_VFS_H
#define GATEHOUSE_TESTS_LIB_FAULT_VFS_H

#include <stdbool.h>

enum fault_call {
    FAULT_READ = 1,
    FAULT_WRITE = 2,
    FAULT_SYNC = 4,
    FAULT_TRUNCATE = 8,
    FAULT_OPEN = 16,
    FAULT_SHM = 32, /* mapping and locking of the log's shared memory */
    FAULT_DELETE = 64,
    FAULT_ANY = 127,
};

enum fault_kind {
    FAULT_EIO,
    FAULT_FULL,  /* writes: SQLITE_FULL; all others as FAULT_EIO */
    FAULT_SHORT, /* writes: half of it is written, in sectors of 512 bytes: nothing of what is
                    smaller; all others as FAULT_EIO */
};

struct fault_plan {
    unsigned calls; /* of enum fault_call: those that count, and fail */
    enum fault_kind kind;
    int nth;       /* from 1; 0 = none */
    bool for_good; /* all that count fail from then on; else this one alone */
};

/* Installs it; nothing fails yet. False: it cannot be. Connections
 * that are open stay as they are. */
bool fault_vfs_install(const char *folder);
/* No connection may be open over it. */
void fault_vfs_remove(void);

/* Counts from 0 again by this plan. */
void fault_vfs_plan(const struct fault_plan *plan);
/* The disk is well again. */
void fault_vfs_heal(void);
/* Calls that have failed since the last plan. */
int fault_vfs_failed(void);

#endif
