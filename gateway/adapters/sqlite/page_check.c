#include "page_check.h"

#include <stdbool.h>
#include <string.h>

#include "page_log.h"

/* Less than this is a look at the header, which is read again with its page. */
#define LOOK_MAX 512
#define RESERVED_AT 20 /* in the header of a database: the reserved bytes of a page */

enum file_kind { FILE_OTHER, FILE_DATABASE, FILE_LOG };

struct checked_file {
    sqlite3_file file;  /* first: SQLite's view */
    sqlite3_file *real; /* owned; NULL = none */
    enum file_kind kind;
    struct page_log log; /* FILE_LOG */
};

static sqlite3_file *real_of(sqlite3_file *f)
{
    return ((struct checked_file *)f)->real;
}

/* --- pages ---------------------------------------------------------------- */

static int check_page(int code, const unsigned char *page, int n, sqlite3_int64 at)
{
    if (n < LOOK_MAX)
        return code;
    bool is_page = n == PAGE_BYTES && at % PAGE_BYTES == 0;
    if (code != SQLITE_OK || !is_page || !page_is_whole(page, (uint32_t)(at / PAGE_BYTES + 1)))
        return SQLITE_IOERR_DATA;
    return SQLITE_OK;
}

static int checked_read(sqlite3_file *f, void *to, int n, sqlite3_int64 at)
{
    struct checked_file *file = (struct checked_file *)f;
    int code = file->real->pMethods->xRead(file->real, to, n, at);
    bool is_read = code == SQLITE_OK || code == SQLITE_IOERR_SHORT_READ;
    if (!is_read || file->kind == FILE_OTHER)
        return code;
    return file->kind == FILE_DATABASE ? check_page(code, to, n, at)
                                       : page_log_check(&file->log, file->real, code, to, n, at);
}

static int write_page(sqlite3_file *real, const void *from, int n, sqlite3_int64 at)
{
    unsigned char page[PAGE_BYTES];
    if (n != PAGE_BYTES || at % PAGE_BYTES != 0)
        return SQLITE_IOERR_WRITE; /* it would destroy a sum */
    memcpy(page, from, sizeof page);
    if (at == 0 && page[RESERVED_AT] != PAGE_SUM_BYTES)
        return SQLITE_IOERR_WRITE; /* there is no room for one */
    page_seal(page, (uint32_t)(at / PAGE_BYTES + 1));
    return real->pMethods->xWrite(real, page, n, at);
}

static int checked_write(sqlite3_file *f, const void *from, int n, sqlite3_int64 at)
{
    struct checked_file *file = (struct checked_file *)f;
    if (file->kind == FILE_DATABASE)
        return write_page(file->real, from, n, at);
    if (file->kind == FILE_LOG)
        page_log_note_write(&file->log, n, at);
    return file->real->pMethods->xWrite(file->real, from, n, at);
}

/* --- what passes through -------------------------------------------------- */

static int checked_close(sqlite3_file *f)
{
    struct checked_file *file = (struct checked_file *)f;
    int code = file->real->pMethods->xClose(file->real);
    sqlite3_free(file->real);
    file->real = NULL;
    return code;
}

static int checked_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    return real_of(f)->pMethods->xTruncate(real_of(f), size);
}

static int checked_sync(sqlite3_file *f, int flags)
{
    return real_of(f)->pMethods->xSync(real_of(f), flags);
}

static int checked_size(sqlite3_file *f, sqlite3_int64 *size)
{
    return real_of(f)->pMethods->xFileSize(real_of(f), size);
}

static int checked_lock(sqlite3_file *f, int level)
{
    return real_of(f)->pMethods->xLock(real_of(f), level);
}

static int checked_unlock(sqlite3_file *f, int level)
{
    return real_of(f)->pMethods->xUnlock(real_of(f), level);
}

static int checked_reserved(sqlite3_file *f, int *out)
{
    return real_of(f)->pMethods->xCheckReservedLock(real_of(f), out);
}

static int checked_control(sqlite3_file *f, int op, void *argument)
{
    return real_of(f)->pMethods->xFileControl(real_of(f), op, argument);
}

static int checked_sector(sqlite3_file *f)
{
    return real_of(f)->pMethods->xSectorSize(real_of(f));
}

static int checked_traits(sqlite3_file *f)
{
    return real_of(f)->pMethods->xDeviceCharacteristics(real_of(f));
}

static int checked_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **out)
{
    return real_of(f)->pMethods->xShmMap(real_of(f), page, size, extend, out);
}

static int checked_shm_lock(sqlite3_file *f, int offset, int n, int flags)
{
    return real_of(f)->pMethods->xShmLock(real_of(f), offset, n, flags);
}

static void checked_shm_barrier(sqlite3_file *f)
{
    real_of(f)->pMethods->xShmBarrier(real_of(f));
}

static int checked_shm_unmap(sqlite3_file *f, int remove)
{
    return real_of(f)->pMethods->xShmUnmap(real_of(f), remove);
}

/* Version 2: shared memory for the log, and no memory mapping. */
static const sqlite3_io_methods checked_methods = {
    .iVersion = 2,
    .xClose = checked_close,
    .xRead = checked_read,
    .xWrite = checked_write,
    .xTruncate = checked_truncate,
    .xSync = checked_sync,
    .xFileSize = checked_size,
    .xLock = checked_lock,
    .xUnlock = checked_unlock,
    .xCheckReservedLock = checked_reserved,
    .xFileControl = checked_control,
    .xSectorSize = checked_sector,
    .xDeviceCharacteristics = checked_traits,
    .xShmMap = checked_shm_map,
    .xShmLock = checked_shm_lock,
    .xShmBarrier = checked_shm_barrier,
    .xShmUnmap = checked_shm_unmap,
};

/* --- the layer ------------------------------------------------------------ */

static sqlite3_vfs *below(void)
{
    return sqlite3_vfs_find(NULL);
}

static enum file_kind kind_of(int flags)
{
    if (flags & SQLITE_OPEN_MAIN_DB)
        return FILE_DATABASE;
    return flags & SQLITE_OPEN_WAL ? FILE_LOG : FILE_OTHER;
}

static int layer_open(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *f, int flags, int *out)
{
    struct checked_file *file = (struct checked_file *)f;
    sqlite3_vfs *real = below();
    (void)vfs;
    *file = (struct checked_file){.kind = kind_of(flags)};
    page_log_init(&file->log);
    file->real = sqlite3_malloc(real->szOsFile);
    if (!file->real)
        return SQLITE_NOMEM;
    memset(file->real, 0, (size_t)real->szOsFile);
    int code = real->xOpen(real, name, file->real, flags, out);
    if (file->real->pMethods) {
        file->file.pMethods = &checked_methods; /* also of one that failed: it is closed */
    } else {
        sqlite3_free(file->real);
        file->real = NULL;
    }
    return code;
}

static int layer_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
    (void)vfs;
    return below()->xDelete(below(), name, sync);
}

static int layer_access(sqlite3_vfs *vfs, const char *name, int flags, int *out)
{
    (void)vfs;
    return below()->xAccess(below(), name, flags, out);
}

static int layer_full_name(sqlite3_vfs *vfs, const char *name, int n, char *out)
{
    (void)vfs;
    return below()->xFullPathname(below(), name, n, out);
}

static int layer_random(sqlite3_vfs *vfs, int n, char *out)
{
    (void)vfs;
    return below()->xRandomness(below(), n, out);
}

static int layer_sleep(sqlite3_vfs *vfs, int us)
{
    (void)vfs;
    return below()->xSleep(below(), us);
}

static int layer_time(sqlite3_vfs *vfs, double *out)
{
    (void)vfs;
    return below()->xCurrentTime(below(), out);
}

static int layer_last_error(sqlite3_vfs *vfs, int n, char *out)
{
    (void)vfs;
    return below()->xGetLastError(below(), n, out);
}

enum gh_err page_check_register(void)
{
    /* SQLite keeps it, and sets its link to the next one, under a lock of its own. */
    static sqlite3_vfs layer = {
        .iVersion = 1,
        .szOsFile = sizeof(struct checked_file),
        .mxPathname = 4096,
        .zName = PAGE_CHECK_VFS,
        .xOpen = layer_open,
        .xDelete = layer_delete,
        .xAccess = layer_access,
        .xFullPathname = layer_full_name,
        .xRandomness = layer_random,
        .xSleep = layer_sleep,
        .xCurrentTime = layer_time,
        .xGetLastError = layer_last_error,
    };
    if (sqlite3_vfs_find(PAGE_CHECK_VFS))
        return GH_OK;
    return sqlite3_vfs_register(&layer, 0) == SQLITE_OK ? GH_OK : GH_IO;
}

enum gh_err page_check_reserve(sqlite3 *db)
{
    int reserved = PAGE_SUM_BYTES;
    if (sqlite3_exec(db, "PRAGMA page_size = 4096", NULL, NULL, NULL) != SQLITE_OK)
        return GH_IO;
    return sqlite3_file_control(db, "main", SQLITE_FCNTL_RESERVE_BYTES, &reserved) == SQLITE_OK
               ? GH_OK
               : GH_IO;
}

static bool is_all_zero(const unsigned char page[PAGE_BYTES])
{
    return page[0] == 0 && memcmp(page, page + 1, PAGE_BYTES - 1) == 0;
}

enum gh_err page_check_scan(sqlite3 *db, int64_t *page, int64_t n)
{
    unsigned char bytes[PAGE_BYTES];
    sqlite3_file *file = NULL;
    sqlite3_int64 size = 0;
    int code = sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &file);
    if (code != SQLITE_OK || !file || !file->pMethods ||
        file->pMethods->xFileSize(file, &size) != SQLITE_OK)
        return GH_IO;
    for (; n > 0 && *page * PAGE_BYTES < size; n--, ++*page) {
        memset(bytes, 0, sizeof bytes);
        code = file->pMethods->xRead(file, bytes, sizeof bytes, *page * PAGE_BYTES);
        bool is_unused =
            code == SQLITE_IOERR_DATA && is_all_zero(bytes) && (*page + 1) * PAGE_BYTES <= size;
        if (code != SQLITE_OK && !is_unused)
            return code == SQLITE_IOERR_DATA ? GH_CORRUPT : GH_IO;
    }
    if (*page * PAGE_BYTES >= size)
        *page = 0;
    return GH_OK;
}
