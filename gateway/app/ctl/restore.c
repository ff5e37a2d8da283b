/* restore --from FILE: makes a fresh box the one of the backup.
 *
 * Everything is written beside its place first; only when the whole file has been read and is
 * as it was sealed do the parts get their names, the configuration last. From before the first
 * part until after the last name the state folder holds STATE_RESTORING, where the journal is
 * made: neither daemon starts then, and a restore that was killed can be run again. */
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
#include "adapters/linux/clock.h"
#include "adapters/sqlite/journal_db.h"
#include "app/box.h"
#include "app/ctl/ctl.h"
#include "app/ctl/interrupt.h"
#include "app/ctl/passphrase.h"
#include "app/ctl/restore_broker.h"
#include "app/gatehoused/command_memory.h"
#include "app/state.h"
#include "app/whole_file.h"
#include "core/changes.h"
#include "core/clock.h"

#define SUFFIX BOX_RESTORED
#define WHY_MAX 300
#define ROOM_TRIES 600 /* of 100 ms, for the disk to take what the journal keeps */

struct restore {
    const struct ctl *ctl;
    const char *path;
    struct seal *seal;
    struct config config; /* of the backup, once its part was read */
    bool has_config;
    bool made_state_dir, made_cloud_dir;
    bool was_cut_off; /* an earlier restore was: what its parts are is not known */
    bool is_marked;   /* STATE_RESTORING is there */
    struct restore_broker broker;
    bool is_read[BOX_PARTS];
    bool is_new[BOX_PARTS]; /* it has its name, and nothing had it before */
    bool is_journal_new;
    int locks[2]; /* of the daemons, until the end; -1 = none */
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
    if (interrupt_came())
        return fail(r, "restore", "interrupted: nothing was changed");
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
    return config_path(out, r->config.state_dir, STATE_RESTORING) ||
           fail(r, r->config.state_dir, "the path is too long");
}

/* What the journal is made of. journal.db last when names are given, first when they go. */
static const char *const journal_files[] = {"journal.db", "journal.db-wal", "journal.db-shm",
                                            "journal.tail"};
#define JOURNAL_FILES (sizeof journal_files / sizeof journal_files[0])

static void remove_journal(const struct restore *r)
{
    char path[CONFIG_PATH_MAX];
    for (size_t i = 0; i < JOURNAL_FILES; i++)
        if (config_path(path, r->config.state_dir, journal_files[i]))
            (void)unlink(path);
}

/* Takes back all that lies beside its place, and what has its name already. */
static void undo(struct restore *r)
{
    char path[CONFIG_PATH_MAX], beside[CONFIG_PATH_MAX];
    for (int part = BOX_PARTS - 1; part >= 0; part--)
        if (r->is_read[part] && part != BOX_KEPT &&
            place_of(r, (enum box_part)part, path, beside)) {
            (void)unlink(beside);
            if (r->is_new[part])
                (void)unlink(path);
        }
    if (!r->has_config)
        return;
    if (r->is_journal_new)
        remove_journal(r);
    if (r->is_marked && journal_folder(r, path)) {
        state_empty(path);
        if (!r->was_cut_off) /* the parts of that one may be half a box */
            (void)rmdir(path);
    }
    if (r->made_cloud_dir)
        (void)rmdir(r->config.cloud_dir);
    if (r->made_state_dir)
        (void)rmdir(r->config.state_dir);
    restore_broker_undo(&r->broker);
}

/* --- reading ---------------------------------------------------------------------------------- */

static bool read_head(struct restore *r)
{
    struct slice message = {0}, at = {0}, gateway = {0};
    enum seal_mark mark = SEAL_MORE;
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
    return (good && id_is_valid(slice_of(r->gateway))) ||
           fail(r, r->path, "it is the backup of another version");
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

/* The folder of the enrolment comes with its first file, and belongs to whom that does. */
static bool make_cloud_dir(struct restore *r, const struct box_entry *entry)
{
    char why[WHY_MAX];
    const char *path = r->config.cloud_dir;
    struct box_entry folder = *entry;
    folder.mode = 0750;
    if (mkdir(path, 0700) != 0)
        return errno == EEXIST || fail(r, path, strerror(errno));
    r->made_cloud_dir = true;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool good = fd >= 0 && box_give(fd, &folder, why, sizeof why);
    if (!good)
        fail(r, path, fd >= 0 ? why : strerror(errno));
    if (fd >= 0)
        close(fd);
    return good;
}

static bool read_file(struct restore *r, const struct box_entry *entry)
{
    char path[CONFIG_PATH_MAX], beside[CONFIG_PATH_MAX], why[WHY_MAX];
    if (!place_of(r, entry->part, path, beside))
        return false;
    if (box_is_enrolment(entry->part, r->has_config ? &r->config : NULL) && !make_cloud_dir(r, entry))
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

/* --- the state folder ------------------------------------------------------------------------- */

/* A state that is there is newer than the backup, or of another box: neither may go back. What a
 * restore that was cut off has left is neither: no daemon has run since. */
static bool has_no_state(struct restore *r)
{
    static const char *const states[] = {"journal.db", "journal.db-wal", "journal.tail",
                                         (STATE_REPLICA "-wal")};
    char path[CONFIG_PATH_MAX];
    for (size_t i = 0; !r->was_cut_off && i < sizeof states / sizeof states[0]; i++)
        if (!config_path(path, r->config.state_dir, states[i]) || access(path, F_OK) == 0)
            return fail(r, path, "this box has a state of its own, which would be lost: move it away");
    return true;
}

static bool be_alone(struct restore *r, int i, const char *lock, const char *program)
{
    char path[CONFIG_PATH_MAX], why[120];
    if (!config_path(path, r->config.state_dir, lock))
        return fail(r, r->config.state_dir, "the path is too long");
    /* Never made here: it has to be the daemon's own. */
    r->locks[i] = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    if (r->locks[i] < 0 || flock(r->locks[i], LOCK_EX | LOCK_NB) == 0)
        return true;
    snprintf(why, sizeof why, "%s is at work there: stop it first", program);
    return fail(r, r->config.state_dir, why);
}

static bool mark(struct restore *r)
{
    char folder[CONFIG_PATH_MAX];
    if (!journal_folder(r, folder))
        return false;
    DIR *dir = state_open(folder);
    r->was_cut_off = dir != NULL;
    if (dir)
        closedir(dir);
    if (state_is_being_reset(r->config.state_dir))
        return fail(r, r->config.state_dir, STATE_RESET_HELP);
    if (!has_no_state(r) || !be_alone(r, 0, STATE_LOCK, "gatehoused") ||
        !be_alone(r, 1, STATE_SYNCD_LOCK, "gatehouse-syncd"))
        return false;
    if (!r->was_cut_off && mkdir(folder, 0700) != 0)
        return fail(r, folder, errno == EEXIST ? "it is no folder of ours: move it away"
                                               : strerror(errno));
    r->is_marked = true;
    state_empty(folder);
    return state_sync(r->config.state_dir) || fail(r, r->config.state_dir, strerror(errno));
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
    return mark(r);
}

/* --- the broker's folder: locked from its first part on -------------------------------------------- */

static bool open_broker(struct restore *r)
{
    char why[WHY_MAX] = "";
    return restore_broker_open(&r->broker, r->config.broker_dir, why, sizeof why) ||
           fail(r, r->config.broker_dir, why);
}

static bool give_broker_dir(struct restore *r)
{
    char why[WHY_MAX] = "";
    return !r->is_read[BOX_BROKER_SERVER_KEY] ||
           restore_broker_give(&r->broker, &r->entry[BOX_BROKER_SERVER_KEY], why, sizeof why) ||
           fail(r, r->config.broker_dir, why);
}

/* --- what decisions keep: a journal without events ------------------------------------------------ */

static bool keep(struct restore *r, struct journal_db *db, struct slice list)
{
    struct journal port = journal_db_port(db);
    enum gh_err err = port.ops->keep(port.self, list);
    for (int i = 0; err == GH_FULL && i < ROOM_TRIES && !interrupt_came(); i++) {
        struct pollfd p = {.fd = journal_db_fd(db), .events = POLLIN};
        (void)poll(&p, 1, 100);
        err = port.ops->keep(port.self, list);
    }
    return err == GH_OK || fail(r, r->config.state_dir, err == GH_FULL ? "the disk is full"
                                                                       : gh_err_name(err));
}

/* Of commands that were done after the backup nobody knows here. Which of two clocks is right,
 * where nobody keeps ours: the later one is the safe side. */
static bool begin_memory(struct restore *r, struct journal_db *db)
{
    struct changes changes = {0};
    struct linux_clock clock;
    char text[24];
    linux_clock_init(&clock, false);
    struct wall now = linux_clock_now(&clock).wall;
    bool is_ours = now.trust == CLOCK_SYNCED || now.s > r->created_at;
    snprintf(text, sizeof text, "%lld", (long long)(is_ours ? now.s : r->created_at));
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
    DIR *dir = state_open(folder);
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
    r->is_read[BOX_KEPT] = true;
    struct journal_db_options options = {.folder = folder,
                                         .max_events = r->config.journal_max_events,
                                         .tail_bytes = STATE_TAIL_BYTES,
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
    enum broker_file file;
    if (entry.part == BOX_CONFIG)
        return read_config(r, &entry);
    if (box_is_broker(entry.part, &file) && !open_broker(r))
        return false;
    return entry.part == BOX_KEPT ? read_kept(r, &entry) : read_file(r, &entry);
}

static bool is_complete(struct restore *r)
{
    char path[CONFIG_PATH_MAX];
    for (int i = 0; i < BOX_PARTS; i++) {
        enum box_part part = (enum box_part)i;
        if (!r->is_read[part] && !box_may_lack(part, r->has_config ? &r->config : NULL) &&
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

/* Two settings may name one file: it was read twice, and what came last stays. */
static bool comes_again(struct restore *r, int part)
{
    char path[CONFIG_PATH_MAX], other[CONFIG_PATH_MAX], beside[CONFIG_PATH_MAX];
    if (!place_of(r, (enum box_part)part, path, beside))
        return false;
    for (int i = part + 1; i < BOX_PARTS; i++)
        if (r->is_read[i] && i != BOX_KEPT && place_of(r, (enum box_part)i, other, beside) &&
            strcmp(path, other) == 0)
            return true;
    return false;
}

static bool is_free(struct restore *r, int part)
{
    char path[CONFIG_PATH_MAX], beside[CONFIG_PATH_MAX];
    return place_of(r, (enum box_part)part, path, beside) &&
           (access(path, F_OK) != 0 || whole_file_is_same(path, beside) || restore_broker_gives_way(&r->broker, (enum box_part)part) ||
            fail(r, path, "it exists and is another than in the backup: move it away"));
}

static bool are_places_free(struct restore *r)
{
    char path[CONFIG_PATH_MAX];
    for (int i = 0; i < BOX_PARTS; i++)
        if (r->is_read[i] && i != BOX_KEPT && !comes_again(r, i) && !is_free(r, i))
            return false;
    if (!r->is_read[BOX_REPLICA] && !r->was_cut_off &&
        (!config_path(path, r->config.state_dir, STATE_REPLICA) || access(path, F_OK) == 0))
        return fail(r, path, "this box has a state of its own, which would be lost: move it away");
    return true;
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
    char folder[CONFIG_PATH_MAX], path[CONFIG_PATH_MAX];
    if (!journal_folder(r, folder))
        return false;
    remove_journal(r); /* of a restore that was cut off */
    r->is_journal_new = true;
    for (size_t i = JOURNAL_FILES; i > 0; i--)
        if (config_path(path, folder, journal_files[i - 1]) && access(path, F_OK) == 0 &&
            !move_journal_file(r, folder, journal_files[i - 1]))
            return false;
    return true;
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

/* The name, and that it lasts. */
static bool place(struct restore *r, int part)
{
    char path[CONFIG_PATH_MAX], beside[CONFIG_PATH_MAX];
    if (!r->is_read[part] || comes_again(r, part))
        return true;
    if (!place_of(r, (enum box_part)part, path, beside))
        return false;
    bool is_new = access(path, F_OK) != 0;
    if (rename(beside, path) != 0)
        return fail(r, path, strerror(errno));
    r->is_new[part] = is_new;
    char *slash = strrchr(path, '/');
    if (slash)
        slash[slash == path] = '\0';
    return state_sync(slash ? path : ".") || fail(r, path, strerror(errno));
}

/* The index of accounts comes behind what else the broker's folder holds: until then the folder
 * counts as unused, and a restore that was cut off can be done again. */
static bool put_in_place(struct restore *r)
{
    char folder[CONFIG_PATH_MAX];
    if (!give_state_dir(r) || !give_broker_dir(r))
        return false;
    for (int i = 0; i < BOX_PARTS; i++)
        if (i != BOX_CONFIG && i != BOX_KEPT && i != BOX_BROKER_ISSUED && !place(r, i))
            return false;
    if (!place(r, BOX_BROKER_ISSUED))
        return false;
    if (!move_journal(r) || !state_sync(r->config.state_dir) || !place(r, BOX_CONFIG))
        return fail(r, r->config.state_dir, strerror(errno));
    /* It is whole now, whatever happens. */
    if (journal_folder(r, folder))
        (void)rmdir(folder);
    (void)state_sync(r->config.state_dir);
    return true;
}

static void unlock(struct restore *r)
{
    for (size_t i = 0; i < sizeof r->locks / sizeof r->locks[0]; i++)
        if (r->locks[i] >= 0)
            close(r->locks[i]);
}

static bool restore_from(struct restore *r, struct slice passphrase)
{
    FILE *f = fopen(r->path, "re");
    if (!f)
        return fail(r, r->path, strerror(errno));
    enum gh_err err = unseal_begin(&r->seal, f, passphrase);
    bool good = err ? fail(r, r->path, err == GH_INVALID ? "it is no backup of a gateway"
                                                         : "it cannot be read, or no memory")
                    : read_all(r) && are_places_free(r) && put_in_place(r);
    seal_free(r->seal);
    fclose(f);
    if (!good)
        undo(r);
    unlock(r);
    return good;
}

int ctl_restore(const struct ctl *ctl, const char *path)
{
    char passphrase[PASSPHRASE_MAX + 1], at[INSTANT_TEXT];
    struct restore r = {.ctl = ctl, .path = path, .locks = {-1, -1}, .broker = RESTORE_BROKER_NONE};
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
               "done, but locks.\n%sStart gatehoused and gatehouse-syncd.\n", r.gateway, at,
               r.broker.folder.fd >= 0 ? "Readers' accounts are those of the backup: restart mosquitto.\n" : "");
    } else {
        fprintf(stderr, "gatehousectl: %s\n", r.why);
    }
    broker_folder_close(&r.broker.folder);
    if (r.has_config)
        config_free(&r.config);
    return good ? CTL_DONE : CTL_REFUSED;
}
