#include "lib/by_hand.h"

#include <stddef.h>

#include "adapters/sqlite/page_check.h"

static sqlite3 *try_open(const char *path, int flags, const char *vfs)
{
    sqlite3 *db = NULL;
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | flags, vfs) == SQLITE_OK &&
        sqlite3_exec(db, "PRAGMA schema_version", NULL, NULL, NULL) != SQLITE_IOERR)
        return db;
    (void)sqlite3_close(db);
    return NULL;
}

sqlite3 *by_hand_open(const char *path)
{
    if (page_check_register() != GH_OK)
        return NULL;
    sqlite3 *db = try_open(path, 0, PAGE_CHECK_VFS);
    return db ? db : try_open(path, SQLITE_OPEN_CREATE, NULL);
}
