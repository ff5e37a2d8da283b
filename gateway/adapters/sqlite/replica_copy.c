/* A copy of a replica for a backup. */
#include <fcntl.h>
#include <unistd.h>

#include "db.h"
#include "page_check.h"
#include "replica_reader.h"

static enum gh_err copy_pages(sqlite3 *to, sqlite3 *from)
{
    sqlite3_backup *backup = sqlite3_backup_init(to, "main", from, "main");
    if (!backup)
        return db_err(sqlite3_errcode(to));
    (void)sqlite3_backup_step(backup, -1);
    return db_err(sqlite3_backup_finish(backup));
}

enum gh_err replica_copy(const char *from, const char *to)
{
    DB_CLOSES sqlite3 *source = NULL, *copy = NULL;
    enum gh_err err = db_open(&source, from, DB_READER, 1000);
    if (err != GH_OK)
        return err;
    int fd = open(to, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 || close(fd) != 0)
        return GH_IO;
    err = db_err(sqlite3_open_v2(to, &copy, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
                                 PAGE_CHECK_VFS));
    if (err == GH_OK)
        err = copy_pages(copy, source);
    if (err != GH_OK)
        (void)unlink(to);
    return err;
}
