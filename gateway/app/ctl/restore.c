/* restore --from FILE: makes a fresh box the one of the backup.
 *
 * Everything is written beside its place first; only when the whole file has been read and is
 * as it was sealed do the parts get their names, the journal last. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "adapters/linux/boot.h"
#include "adapters/sqlite/journal_db.h"
#include "app/box.h"
#include "app/ctl/ctl.h"
#include "app/ctl/passphrase.h"
#include "app/gatehoused/command_memory.h"
#include "app/state.h"
#include "core/changes.h"
#include "core/clock.h"

#define SUFFIX ".restored"
#define JOURNAL_FOLDER "journal" SUFFIX
#define TAIL_BYTES ((size_t)16 * 1024 * 1024)
#define WHY_MAX 300
#define ROOM_TRIES 600 /* of 100 ms, for the disk to take what the journal keeps */

struct restore {
    const struct ctl *ctl;
    const char *path;
    struct seal *seal;
    struct config config; /* of the backup, once its part was read */
    bool has_config;
    bool made_state_dir;
    bool is_read[BOX_PARTS];
    struct box_entry entry[BOX_PARTS];
    int64_t created_at; /* of the backup */
    char gateway[ID_MAX + 1];
    char why[600];
};

static bool fail(struct restore *r, const char *what, const char *why)
{
    if (!r->why[0])
        snprintf(r->why, sizeof r->why, "%s: %s", what, why);
    return false;
}

static bool next(struct restore *r, struct slice *message, enum seal_mark *mark)
{
    enum gh_err err = unseal_next(r->seal, message, mark);
    if (err == GH_CORRUPT)
        return fail(r, r->path, "the passphrase is another one, or the file is damaged");
    if (err == GH_NOT_FOUND)
        return fail(r, r->path, "it ends too early");
    return err == GH_OK || fail(r, r->path, strerror(errno));
}

/* --- places --------------------------------------------------------------------------------- */

static bool place_of(struct restore *r, enum box_part part, char path[CONFIG_PATH_MAX],
                     char beside[CONFIG_PATH_MAX])
{
    if (!box_path(path, part, r->has_config ? &r->config : NULL, r->ctl->config_path))
        return fail(r, box_part_name(part), "the configuration in the backup names no such file");
    return snprintf(beside, CONFIG_PATH_MAX, "%s" SUFFIX, path) < CONFIG_PATH_MAX ||
           fail(r, path, "the path is too long");
}

static bool journal_folder(struct restore *r, char out[CONFIG_PATH_MAX])
{
    return config_path(out, r->config.state_dir, JOURNAL_FOLDER) ||
           fail(r, r->config.state_dir, "the path is too long");
}

static void empty_folder(const char *folder)
{
    DIR *dir = opendir(folder);
    for (struct dirent *e; dir && (e = readdir(dir)) != NULL;)
        if (e->d_name[0] != '.')
            (void)unlinkat(dirfd(dir), e->d_name, 0);
    if (dir)
        closedir(dir);
    (void)rmdir(folder);
}

/* Takes back all that lies beside its place. */
static void undo(struct restore *r)
{
    char path[CONFIG_PATH_MAX], beside[CONFIG_PATH_MAX];
    for (int part = 0; part < BOX_PARTS; part++)
        if (r->is_read[part] && part != BOX_KEPT &&
            place_of(r, (enum box_part)part, path, beside))
            (void)unlink(beside);
    if (!r->has_config)
        return;
    if (journal_folder(r, path))
        empty_folder(path);
    if (r->made_state_dir)
        (void)rmdir(r->config.state_dir);
}

/* --- reading ---------------------------------------------------------------------------------- */

static bool read_head(struct restore *r)
{
    struct slice message, at, gateway;
    enum seal_mark mark;
    int64_t version = 0;
    if (!next(r, &message, &mark))
        return false;
    struct json *v = json_parse_object(message, NULL, 0);
    bool good = v && mark == SEAL_LAST && json_int(v, "backup", &version) && version == 1 &&
                json_text(v, "created_at", &at) && instant_parse(&r->created_at, at) == GH_OK &&
                json_text(v, "gateway", &gateway) && gateway.len <= ID_MAX;
    if (good)
        memcpy(r->gateway, gateway.ptr, gateway.len);
    json_free(v);
    return good || fail(r, r->path, "it is the backup of another version");
}

static bool read_bytes(struct restore *r, FILE *f)
{
    struct slice message;
    enum seal_mark mark = SEAL_MORE;
    while (mark == SEAL_MORE) {
        if (!next(r, &message, &mark))
            return false;
        if (mark == SEAL_END)
            return fail(r, r->path, "it ends in the middle of a part");
        if (message.len > 0 && fwrite(message.ptr, message.len, 1, f) != 1)
            return fail(r, r->path, strerror(errno));
    }
    return true;
}

static bool read_file(struct restore *r, const struct box_entry *entry)
{
    char path[CONFIG_PATH_MAX], beside[CONFIG_PATH_MAX], why[WHY_MAX];
    if (!place_of(r, entry->part, path, beside))
        return false;
    (void)unlink(beside); /* of a restore that was cut off */
    int fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
    if (!f) {
        if (fd >= 0)
            close(fd);
        return fail(r, beside, strerror(errno));
    }
    r->is_read[entry->part] = true;
    bool good = read_bytes(r, f);
    if (good && !box_give(fd, entry, why, sizeof why))
        good = fail(r, path, why);
    if (good && (fflush(f) != 0 || fsync(fd) != 0))
        good = fail(r, beside, strerror(errno));
    good &= fclose(f) == 0;
    return good || fail(r, beside, strerror(errno));
}

static void report(void *context, int line, const char *text)
{
    struct restore *r = context;
    char what[CONFIG_PATH_MAX + 60];
    snprintf(what, sizeof what, "%s: the configuration in it, line %d", r->path, line);
    (void)fail(r, what, text);
}

static bool read_config(struct restore *r, const struct box_entry *entry)
{
    char path[CONFIG_PATH_MAX], beside[CONFIG_PATH_MAX];
    if (!read_file(r, entry) || !place_of(r, BOX_CONFIG, path, beside) ||
        config_load(&r->config, beside, report, r) != GH_OK)
        return false;
    r->has_config = true;
    if (mkdir(r->config.state_dir, 0750) == 0)
        r->made_state_dir = true;
    else if (errno != EEXIST)
        return fail(r, r->config.state_dir, strerror(errno));
    return true;
}

/* --- what decisions keep: a journal without events ------------------------------------------------ */

static bool keep(struct restore *r, struct journal_db *db, struct slice list)
{
    struct journal port = journal_db_port(db);
    enum gh_err err = port.ops->keep(port.self, list);
    for (int i = 0; err == GH_FULL && i < ROOM_TRIES; i++) {
        struct pollfd p = {.fd = journal_db_fd(db), .events = POLLIN};
        (void)poll(&p, 1, 100);
        err = port.ops->keep(port.self, list);
    }
    return err == GH_OK || fail(r, r->config.state_dir, err == GH_FULL ? "the disk is full"
                                                                       : gh_err_name(err));
}

/* Of commands that were done after the backup nobody knows here. */
static bool begin_memory(struct restore *r, struct journal_db *db)
{
    struct changes changes = {0};
    char text[24];
    int64_t now = (int64_t)time(NULL);
    snprintf(text, sizeof text, "%lld", (long long)(now > r->created_at ? now : r->created_at));
    return changes_add(&changes, slice_of(COMMAND_MEMORY_KEY), slice_of(text)) == GH_OK &&
           keep(r, db, changes_slice(&changes));
}

static bool read_changes(struct restore *r, struct journal_db *db)
{
    struct slice message;
    enum seal_mark mark = SEAL_MORE;
    while (mark == SEAL_MORE) {
        if (!next(r, &message, &mark))
            return false;
        if (mark == SEAL_END || !changes_are_valid(message))
            return fail(r, r->path, "what decisions keep is no list of changes");
        if (message.len > 0 && !keep(r, db, message))
            return false;
    }
    return begin_memory(r, db);
}

static bool give_journal(struct restore *r, const char *folder, const struct box_entry *entry)
{
    char why[WHY_MAX] = "";
    bool good = true;
    DIR *dir = opendir(folder);
    for (struct dirent *e; dir && good && (e = readdir(dir)) != NULL;) {
        if (e->d_name[0] == '.')
            continue;
        int fd = openat(dirfd(dir), e->d_name, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
        good = fd >= 0 && box_give(fd, entry, why, sizeof why) && fsync(fd) == 0;
        if (fd >= 0)
            close(fd);
    }
    if (dir)
        closedir(dir);
    return (dir && good) || fail(r, folder, why[0] ? why : strerror(errno));
}

static bool read_kept(struct restore *r, const struct box_entry *entry)
{
    char folder[CONFIG_PATH_MAX], why[WHY_MAX] = "";
    if (!journal_folder(r, folder))
        return false;
    empty_folder(folder); /* of a restore that was cut off */
    if (mkdir(folder, 0700) != 0)
        return fail(r, folder, strerror(errno));
    r->is_read[BOX_KEPT] = true;
    struct journal_db_options options = {.folder = folder,
                                         .max_events = r->config.journal_max_events,
                                         .tail_bytes = TAIL_BYTES,
                                         .boot_id_hash = linux_boot_id_hash()};
    struct journal_db *db = NULL;
    if (journal_db_open(&db, &options, why, sizeof why) != GH_OK)
        return fail(r, folder, why);
    bool good = read_changes(r, db);
    journal_db_close(db);
    return good && give_journal(r, folder, entry);
}

/* --- all of it --------------------------------------------------------------------------------------- */

static bool read_part(struct restore *r, struct slice message)
{
    struct box_entry entry;
    if (!box_entry_parse(&entry, message))
        return fail(r, r->path, "a part in it is none that this version knows");
    if (r->is_read[entry.part] || (entry.part == BOX_CONFIG) == r->has_config)
        return fail(r, r->path, "its parts are in disorder");
    r->entry[entry.part] = entry;
    if (entry.part == BOX_CONFIG)
        return read_config(r, &entry);
    return entry.part == BOX_KEPT ? read_kept(r, &entry) : read_file(r, &entry);
}

static bool is_complete(struct restore *r)
{
    char path[CONFIG_PATH_MAX];
    for (int i = 0; i < BOX_PARTS; i++) {
        enum box_part part = (enum box_part)i;
        if (!r->is_read[part] && !box_may_lack(part) &&
            box_path(path, part, r->has_config ? &r->config : NULL, r->ctl->config_path))
            return fail(r, box_part_name(part), "it is not in the backup");
    }
    return unseal_is_whole(r->seal) || fail(r, r->path, "something stands behind its end");
}

static bool read_all(struct restore *r)
{
    struct slice message;
    enum seal_mark mark = SEAL_MORE;
    if (!read_head(r))
        return false;
    for (;;) {
        if (!next(r, &message, &mark))
            return false;
        if (mark == SEAL_END)
            return is_complete(r);
        if (mark != SEAL_MORE || !read_part(r, message))
            return fail(r, r->path, "its parts are in disorder");
    }
}

/* --- the places are free -------------------------------------------------------------------------------- */

static bool are_same(const char *a, const char *b)
{
    FILE *fa = fopen(a, "re"), *fb = fopen(b, "re");
    bool same = fa && fb;
    for (int ca = 0; same && ca != EOF;) {
        ca = getc(fa);
        same = ca == getc(fb);
    }
    if (fa)
        fclose(fa);
    if (fb)
        fclose(fb);
    return same;
}

static bool is_alone(struct restore *r, const char *lock, const char *program)
{
    char path[CONFIG_PATH_MAX], why[120];
    if (!config_path(path, r->config.state_dir, lock))
        return fail(r, r->config.state_dir, "the path is too long");
    int fd = open(path, O_RDWR | O_CLOEXEC); /* never made here: it has to be the daemon's own */
    bool free = fd < 0 || flock(fd, LOCK_EX | LOCK_NB) == 0;
    if (fd >= 0)
        close(fd);
    snprintf(why, sizeof why, "%s is at work there: stop it first", program);
    return free || fail(r, r->config.state_dir, why);
}

/* A state that is there is newer than the backup, or of another box: neither may go back. */
static bool is_fresh(struct restore *r)
{
    static const char *const states[] = {"journal.db", "journal.db-wal", "journal.tail",
                                         (STATE_REPLICA "-wal"), STATE_REPLICA};
    size_t n = sizeof states / sizeof states[0] - r->is_read[BOX_REPLICA];
    char path[CONFIG_PATH_MAX], beside[CONFIG_PATH_MAX];
    for (size_t i = 0; i < n; i++)
        if (!config_path(path, r->config.state_dir, states[i]) || access(path, F_OK) == 0)
            return fail(r, path, "this box has a state of its own, which would be lost: move it away");
    for (int i = 0; i < BOX_PARTS; i++) {
        if (!r->is_read[i] || i == BOX_KEPT)
            continue;
        if (!place_of(r, (enum box_part)i, path, beside))
            return false;
        if (access(path, F_OK) == 0 && !are_same(path, beside))
            return fail(r, path, "it exists and is another than in the backup: move it away");
    }
    return is_alone(r, STATE_LOCK, "gatehoused") &&
           is_alone(r, STATE_SYNCD_LOCK, "gatehouse-syncd");
}

/* --- names ---------------------------------------------------------------------------------------------- */

static bool move_journal_file(struct restore *r, const char *folder, const char *name)
{
    char from[CONFIG_PATH_MAX], to[CONFIG_PATH_MAX];
    return (config_path(from, folder, name) && config_path(to, r->config.state_dir, name) &&
            rename(from, to) == 0) ||
           fail(r, name, strerror(errno));
}

static bool move_journal(struct restore *r)
{
    char folder[CONFIG_PATH_MAX];
    bool good = journal_folder(r, folder);
    DIR *dir = good ? opendir(folder) : NULL;
    for (struct dirent *e; dir && good && (e = readdir(dir)) != NULL;)
        if (e->d_name[0] != '.' && strcmp(e->d_name, "journal.db") != 0)
            good = move_journal_file(r, folder, e->d_name);
    if (dir)
        closedir(dir);
    good = good && move_journal_file(r, folder, "journal.db");
    if (good)
        (void)rmdir(folder);
    return good;
}

/* The folder belongs to who owns the journal, or that one could not write there. */
static bool give_state_dir(struct restore *r)
{
    char why[WHY_MAX];
    struct box_entry folder = r->entry[BOX_KEPT];
    folder.mode = 0750;
    if (!r->made_state_dir)
        return true;
    int fd = open(r->config.state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool good = fd >= 0 && box_give(fd, &folder, why, sizeof why);
    if (fd >= 0)
        close(fd);
    return good || fail(r, r->config.state_dir, fd >= 0 ? why : strerror(errno));
}

static bool put_in_place(struct restore *r)
{
    char path[CONFIG_PATH_MAX], beside[CONFIG_PATH_MAX];
    if (!give_state_dir(r))
        return false;
    for (int i = 0; i < BOX_PARTS; i++) {
        if (!r->is_read[i] || i == BOX_KEPT)
            continue;
        if (!place_of(r, (enum box_part)i, path, beside) || rename(beside, path) != 0)
            return fail(r, path, strerror(errno));
    }
    return (move_journal(r) && state_sync(r->config.state_dir)) ||
           fail(r, r->config.state_dir, strerror(errno));
}

static bool restore_from(struct restore *r, struct slice passphrase)
{
    FILE *f = fopen(r->path, "re");
    if (!f)
        return fail(r, r->path, strerror(errno));
    enum gh_err err = unseal_begin(&r->seal, f, passphrase);
    bool good = err ? fail(r, r->path, err == GH_INVALID ? "it is no backup of a gateway"
                                                         : "it cannot be read, or no memory")
                    : read_all(r) && is_fresh(r) && put_in_place(r);
    seal_free(r->seal);
    fclose(f);
    if (!good)
        undo(r);
    return good;
}

int ctl_restore(const struct ctl *ctl, const char *path)
{
    char passphrase[PASSPHRASE_MAX + 2], at[INSTANT_TEXT];
    struct restore r = {.ctl = ctl, .path = path};
    bool good = crypto_start() == GH_OK || fail(&r, "the crypto library", "it does not start");
    if (good && access(path, R_OK) != 0)
        good = fail(&r, path, strerror(errno));
    if (good && !passphrase_read(passphrase, false))
        return CTL_REFUSED;
    good = good && restore_from(&r, slice_of(passphrase));
    crypto_forget(passphrase, sizeof passphrase);
    if (good) {
        instant_format(at, r.created_at);
        printf("This box is the gateway %s now, as it was at %s, and begins a new stream of events.\n"
               "Use counts are those of the backup. Commands of the cloud from before now are not "
               "done, but locks.\nStart gatehoused and gatehouse-syncd.\n", r.gateway, at);
    } else {
        fprintf(stderr, "gatehousectl: %s\n", r.why);
    }
    if (r.has_config)
        config_free(&r.config);
    return good ? CTL_DONE : CTL_REFUSED;
}
