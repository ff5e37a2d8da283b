#include "lib/fault_vfs.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "lib/folder.h"

#define SECTOR 512

struct fault_file {
    sqlite3_file file;  /* first */
    sqlite3_file *real; /* lies behind this struct */
    bool counts;
};

static struct {
    sqlite3_vfs vfs;
    sqlite3_vfs *real;
    char folder[FOLDER_PATH_MAX];
    pthread_mutex_t lock;
    struct fault_plan plan;
    int n, failed;
} disk = {.lock = PTHREAD_MUTEX_INITIALIZER};

static bool is_of_folder(const char *name)
{
    size_t len = strlen(disk.folder);
    return name && strncmp(name, disk.folder, len) == 0 && name[len] == '/';
}

/* SQLITE_OK, or what this call fails with. */
static int fault(enum fault_call call, int code)
{
    (void)pthread_mutex_lock(&disk.lock);
    bool fails = false;
    if (disk.plan.nth > 0 && (disk.plan.calls & call)) {
        disk.n++;
        fails = disk.n == disk.plan.nth || (disk.plan.for_good && disk.n > disk.plan.nth);
    }
    disk.failed += fails;
    if (fails && call == FAULT_WRITE && disk.plan.kind == FAULT_FULL)
        code = SQLITE_FULL;
    (void)pthread_mutex_unlock(&disk.lock);
    return fails ? code : SQLITE_OK;
}

static int fault_of(sqlite3_file *f, enum fault_call call, int code)
{
    return ((struct fault_file *)f)->counts ? fault(call, code) : SQLITE_OK;
}

static sqlite3_file *real_of(sqlite3_file *f)
{
    return ((struct fault_file *)f)->real;
}

/* --- calls that fail ---------------------------------------------------------- */

static int fault_read(sqlite3_file *f, void *to, int n, sqlite3_int64 at)
{
    int code = fault_of(f, FAULT_READ, SQLITE_IOERR_READ);
    return code ? code : real_of(f)->pMethods->xRead(real_of(f), to, n, at);
}

static int fault_write(sqlite3_file *f, const void *from, int n, sqlite3_int64 at)
{
    int code = fault_of(f, FAULT_WRITE, SQLITE_IOERR_WRITE);
    int part = n / 2 / SECTOR * SECTOR;
    if (code && disk.plan.kind == FAULT_SHORT && part > 0)
        (void)real_of(f)->pMethods->xWrite(real_of(f), from, part, at);
    return code ? code : real_of(f)->pMethods->xWrite(real_of(f), from, n, at);
}

static int fault_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    int code = fault_of(f, FAULT_TRUNCATE, SQLITE_IOERR_TRUNCATE);
    return code ? code : real_of(f)->pMethods->xTruncate(real_of(f), size);
}

static int fault_sync(sqlite3_file *f, int flags)
{
    int code = fault_of(f, FAULT_SYNC, SQLITE_IOERR_FSYNC);
    return code ? code : real_of(f)->pMethods->xSync(real_of(f), flags);
}

static int fault_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **out)
{
    int code = fault_of(f, FAULT_SHM, SQLITE_IOERR_SHMMAP);
    return code ? code : real_of(f)->pMethods->xShmMap(real_of(f), page, size, extend, out);
}

/* Letting go does not fail: SQLite asks for no result. */
static int fault_shm_lock(sqlite3_file *f, int offset, int n, int flags)
{
    int code = flags & SQLITE_SHM_UNLOCK ? SQLITE_OK : fault_of(f, FAULT_SHM, SQLITE_IOERR_SHMLOCK);
    return code ? code : real_of(f)->pMethods->xShmLock(real_of(f), offset, n, flags);
}

/* --- what passes through ------------------------------------------------------ */

static int fault_close(sqlite3_file *f)
{
    return real_of(f)->pMethods->xClose(real_of(f));
}

static int fault_size(sqlite3_file *f, sqlite3_int64 *size)
{
    return real_of(f)->pMethods->xFileSize(real_of(f), size);
}

static int fault_lock(sqlite3_file *f, int level)
{
    return real_of(f)->pMethods->xLock(real_of(f), level);
}

static int fault_unlock(sqlite3_file *f, int level)
{
    return real_of(f)->pMethods->xUnlock(real_of(f), level);
}

static int fault_reserved(sqlite3_file *f, int *out)
{
    return real_of(f)->pMethods->xCheckReservedLock(real_of(f), out);
}

static int fault_control(sqlite3_file *f, int op, void *argument)
{
    return real_of(f)->pMethods->xFileControl(real_of(f), op, argument);
}

static int fault_sector(sqlite3_file *f)
{
    return real_of(f)->pMethods->xSectorSize(real_of(f));
}

static int fault_traits(sqlite3_file *f)
{
    return real_of(f)->pMethods->xDeviceCharacteristics(real_of(f));
}

static void fault_shm_barrier(sqlite3_file *f)
{
    real_of(f)->pMethods->xShmBarrier(real_of(f));
}

static int fault_shm_unmap(sqlite3_file *f, int remove)
{
    return real_of(f)->pMethods->xShmUnmap(real_of(f), remove);
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = fault_close,
    .xRead = fault_read,
    .xWrite = fault_write,
    .xTruncate = fault_truncate,
    .xSync = fault_sync,
    .xFileSize = fault_size,
    .xLock = fault_lock,
    .xUnlock = fault_unlock,
    .xCheckReservedLock = fault_reserved,
    .xFileControl = fault_control,
    .xSectorSize = fault_sector,
    .xDeviceCharacteristics = fault_traits,
    .xShmMap = fault_shm_map,
    .xShmLock = fault_shm_lock,
    .xShmBarrier = fault_shm_barrier,
    .xShmUnmap = fault_shm_unmap,
};

/* --- the layer ---------------------------------------------------------------- */

static int layer_open(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *f, int flags, int *out)
{
    struct fault_file *file = (struct fault_file *)f;
    (void)vfs;
    *file = (struct fault_file){.real = (sqlite3_file *)(file + 1), .counts = is_of_folder(name)};
    int code = file->counts ? fault(FAULT_OPEN, SQLITE_CANTOPEN) : SQLITE_OK;
    if (code)
        return code;
    code = disk.real->xOpen(disk.real, name, file->real, flags, out);
    f->pMethods = file->real->pMethods ? &methods : NULL;
    return code;
}

static int layer_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
    (void)vfs;
    int code = is_of_folder(name) ? fault(FAULT_DELETE, SQLITE_IOERR_DELETE) : SQLITE_OK;
    return code ? code : disk.real->xDelete(disk.real, name, sync);
}

bool fault_vfs_install(const char *folder)
{
    if (sqlite3_vfs_find(NULL) != &disk.vfs) /* a test that failed has left it installed */
        disk.real = sqlite3_vfs_find(NULL);
    (void)snprintf(disk.folder, sizeof disk.folder, "%s", folder);
    disk.plan = (struct fault_plan){.nth = 0};
    if (!disk.real)
        return false;
    disk.vfs = *disk.real;
    disk.vfs.zName = "faults";
    disk.vfs.pNext = NULL;
    disk.vfs.szOsFile = (int)sizeof(struct fault_file) + disk.real->szOsFile;
    disk.vfs.xOpen = layer_open;
    disk.vfs.xDelete = layer_delete;
    return sqlite3_vfs_register(&disk.vfs, 1) == SQLITE_OK;
}

void fault_vfs_remove(void)
{
    (void)sqlite3_vfs_unregister(&disk.vfs);
    (void)sqlite3_vfs_register(disk.real, 1);
}

void fault_vfs_plan(const struct fault_plan *plan)
{
    (void)pthread_mutex_lock(&disk.lock);
    disk.plan = *plan;
    disk.n = disk.failed = 0;
    (void)pthread_mutex_unlock(&disk.lock);
}

void fault_vfs_heal(void)
{
    (void)pthread_mutex_lock(&disk.lock);
    disk.plan.nth = 0;
    (void)pthread_mutex_unlock(&disk.lock);
}

int fault_vfs_failed(void)
{
    (void)pthread_mutex_lock(&disk.lock);
    int failed = disk.failed;
    (void)pthread_mutex_unlock(&disk.lock);
    return failed;
}
