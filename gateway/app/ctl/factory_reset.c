/* factory-reset: a box without identity, accounts, policy and memory.
 *
 * A mark in the state folder comes first and goes last: while it is there neither daemon
 * starts, so a reset that was cut off leaves no gateway that is half of the old one and half a
 * new one. Run again, it goes on. What can speak for this box goes before what it knows. No
 * relay is touched. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/box.h"
#include "app/broker_folder.h"
#include "app/ctl/ctl.h"
#include "app/ctl/unsent.h"
#include "app/fire_rules.h"
#include "app/floor.h"
#include "app/identity.h"
#include "app/state.h"
#include "app/whole_file.h"

#define LEFT_MAX 32

struct reset {
    const struct ctl *ctl;
    const struct config *config;
    char config_path[PATH_MAX]; /* whole, without links */
    int state; /* the state folder; -1 = there is none */
    bool goes_on; /* one that was cut off */
    bool key_was_note; /* the device key is a credential of the units */
    uint64_t unsent; /* events that no cloud has */
    int removed;
    char left[LEFT_MAX][CONFIG_PATH_MAX]; /* what is there and not ours */
    size_t n_left;
    char why[700];
};

__attribute__((format(printf, 2, 3))) static bool fail(struct reset *r, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (!r->why[0])
        vsnprintf(r->why, sizeof r->why, format, args);
    va_end(args);
    return false;
}

static void leave(struct reset *r, const char *folder, const char *name)
{
    if (r->n_left < LEFT_MAX)
        snprintf(r->left[r->n_left++], CONFIG_PATH_MAX, "%.120s/%.120s", folder, name);
}

/* --- may it be ----------------------------------------------------------------------------------- */

static bool is_alone(struct reset *r, const char *lock, const char *program)
{
    int fd = openat(r->state, lock, O_RDWR | O_CLOEXEC); /* never made here */
    bool alone = fd < 0 || flock(fd, LOCK_EX | LOCK_NB) == 0;
    if (fd >= 0)
        close(fd);
    return alone || fail(r, "%s is at work in %s: systemctl stop gatehoused gatehouse-syncd", program,
                         r->config->state_dir);
}

static bool are_stopped(struct reset *r)
{
    return r->state < 0 ||
           (is_alone(r, STATE_LOCK, "gatehoused") && is_alone(r, STATE_SYNCD_LOCK, "gatehouse-syncd"));
}

static bool check_events(struct reset *r)
{
    char why[200] = "";
    if (r->state < 0 || r->goes_on)
        return true;
    bool known = unsent_events(&r->unsent, r->config, why, sizeof why);
    if (r->ctl->discard_events || (known && r->unsent == 0))
        return true;
    if (!known)
        return fail(r, "the journal cannot be read (%s): nobody knows what the cloud does not have; "
                       "--discard-events removes it all the same", why);
    return fail(r, "%" PRIu64 " events are here that no cloud has: let gatehouse-syncd bring them there first, "
                   "or say --discard-events", r->unsent);
}

static bool is_confirmed(struct reset *r)
{
    const char *gateway = r->config->gateway.s;
    char line[ID_MAX + 2] = "";
    if (r->ctl->yes)
        return strcmp(r->ctl->yes, gateway) == 0 ||
               fail(r, "this is the gateway %s, not %.64s: nothing was removed", gateway, r->ctl->yes);
    fprintf(stderr, "This removes policy, journal, keys, the identity at the cloud and every reader's account.\n"
                    "Type %s to go on: ", gateway);
    fflush(stderr);
    if (!fgets(line, sizeof line, stdin))
        line[0] = '\0';
    line[strcspn(line, "\r\n")] = '\0';
    return strcmp(line, gateway) == 0 || fail(r, "that was not %s: nothing was removed", gateway);
}

/* --- the mark --------------------------------------------------------------------------------------- */

/* A daemon that started in between holds its lock by now, or sees the mark. */
static bool set_mark(struct reset *r)
{
    if (r->state < 0)
        return true;
    if (state_write(r->config->state_dir, STATE_RESET, slice_of("begun\n")) != GH_OK)
        return fail(r, "%s: %s", r->config->state_dir, strerror(errno));
    if (are_stopped(r))
        return true;
    if (!r->goes_on)
        (void)unlinkat(r->state, STATE_RESET, 0);
    return false;
}

static bool remove_at(struct reset *r, int folder, const char *name, const char *path)
{
    if (unlinkat(folder, name, 0) == 0)
        r->removed++;
    else if (errno != ENOENT)
        return fail(r, "%s: %s: the reset is not finished", path, strerror(errno));
    return true;
}

static bool clear_mark(struct reset *r)
{
    if (r->state < 0)
        return true;
    if (!remove_at(r, r->state, STATE_SYNCD_LOCK, STATE_SYNCD_LOCK) ||
        !remove_at(r, r->state, STATE_LOCK, STATE_LOCK))
        return false;
    if (fsync(r->state) == 0 && unlinkat(r->state, STATE_RESET, 0) == 0 && fsync(r->state) == 0)
        return true;
    return fail(r, "%s: %s: the reset is not finished", r->config->state_dir, strerror(errno));
}

/* --- files that the configuration names ---------------------------------------------------------------- */

/* Below the folder of the configuration: ours alone, not one of the system. */
static bool is_ours(const struct reset *r, const char *path)
{
    const char *slash = strrchr(r->config_path, '/');
    size_t len = slash ? (size_t)(slash - r->config_path) + 1 : 0;
    return len > 1 && strncmp(path, r->config_path, len) == 0;
}

/* Keys of others, which anybody may know. */
static bool is_public(enum box_part part)
{
    return part == BOX_CLOUD_CA || part == BOX_POLICY_KEYS || part == BOX_COMMAND_KEYS;
}

/* And what a writer that was cut off has left beside it. */
static bool remove_with_copies(struct reset *r, const char *path)
{
    static const char *const suffixes[] = {WHOLE_FILE_NEXT, BOX_RESTORED, ""};
    char name[CONFIG_PATH_MAX + 16];
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        snprintf(name, sizeof name, "%s%s", path, suffixes[i]);
        if (!remove_at(r, AT_FDCWD, name, name))
            return false;
    }
    return true;
}

static bool remove_named(struct reset *r, enum box_part part)
{
    char path[CONFIG_PATH_MAX];
    if (!box_path(path, part, r->config, r->ctl->config_path))
        return true;
    bool ours = is_ours(r, path);
    char *slash = strrchr(path, '/');
    if (is_public(part) && !ours) {
        bool is_there = access(path, F_OK) == 0;
        *slash = '\0';
        if (is_there)
            leave(r, path, slash + 1);
        return true;
    }
    if (!remove_with_copies(r, path))
        return false;
    *slash = '\0';
    if (ours)
        (void)rmdir(path); /* if nothing else lies there */
    return true;
}

/* The folder of the enrolment, also where the configuration does not point to it any more, but
 * not that of another configuration. */
static bool remove_enrolment(struct reset *r)
{
    char path[CONFIG_PATH_MAX];
    const char *name;
    if (!r->config->is_enrolled && !is_ours(r, r->config->cloud_dir))
        return true;
    identity_sweep(r->config);
    for (size_t i = 0; (name = identity_file_name(i)) != NULL; i++)
        if (config_path(path, r->config->cloud_dir, name) && !remove_with_copies(r, path))
            return false;
    (void)rmdir(r->config->cloud_dir);
    return true;
}

static bool remove_identity(struct reset *r)
{
    static const enum box_part parts[] = {BOX_RENEWED, BOX_CLOUD_KEY, BOX_CLOUD_TOKEN, BOX_BROKER_PASSWORD,
                                          BOX_CLOUD_CERT, BOX_CLOUD_CA, BOX_POLICY_KEYS,
                                          BOX_COMMAND_KEYS};
    if (!remove_enrolment(r))
        return false;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (!remove_named(r, parts[i]))
            return false;
    return true;
}

/* --- the broker's folder ---------------------------------------------------------------------------------- */

static bool remove_broker_files(struct reset *r, const struct broker_folder *folder)
{
    char name[64];
    for (int i = 0; i < BROKER_FILES; i++) {
        const char *file = broker_file_name((enum broker_file)i);
        snprintf(name, sizeof name, "%s" WHOLE_FILE_NEXT, file);
        if (!remove_at(r, folder->fd, name, name))
            return false;
        snprintf(name, sizeof name, "%s" BOX_RESTORED, file);
        if (!remove_at(r, folder->fd, name, name) || !remove_at(r, folder->fd, file, file))
            return false;
    }
    return true;
}

static bool remove_broker(struct reset *r)
{
    struct broker_folder folder;
    const char *path = r->config->broker_dir;
    enum gh_err err = broker_folder_open(&folder, path, false);
    if (err == GH_NOT_FOUND) {
        (void)rmdir(path); /* what a reset that was cut off has left, if it is empty */
        return true;
    }
    if (err)
        return fail(r, "%s: %s: the reset is not finished", path, broker_folder_why(err));
    bool good = remove_broker_files(r, &folder);
    if (good && !broker_folder_remove(&folder))
        leave(r, path, "*");
    broker_folder_close(&folder);
    return good;
}

/* --- the state folder ------------------------------------------------------------------------------------- */

/* Names that begin so are the programs' own. */
static bool is_state(const char *name)
{
    static const char *const own[] = {STATE_DEVICE_KEY, STATE_REPLICA, "journal.", "reserve",
                                      FIRE_RULES_FILE, FLOOR_FILE, IDENTITY_RENEWED_FILE,
                                      STATE_RESET};
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        if (strncmp(name, own[i], strlen(own[i])) == 0)
            return true;
    return false;
}

static bool remove_folder(struct reset *r, int parent, const char *name)
{
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    bool good = dir != NULL;
    for (struct dirent *e; good && (e = readdir(dir)) != NULL;)
        if (e->d_name[0] != '.')
            good = remove_at(r, fd, e->d_name, name);
    if (dir)
        closedir(dir);
    else if (fd >= 0)
        close(fd);
    return good && (unlinkat(parent, name, AT_REMOVEDIR) == 0 ||
                    fail(r, "%s: %s: the reset is not finished", name, strerror(errno)));
}

static bool remove_entry(struct reset *r, const char *name)
{
    struct stat st;
    if (strcmp(name, STATE_RESET) == 0 || strcmp(name, STATE_LOCK) == 0 ||
        strcmp(name, STATE_SYNCD_LOCK) == 0 || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return true;
    if (!is_state(name)) {
        leave(r, r->config->state_dir, name);
        return true;
    }
    if (fstatat(r->state, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode))
        return remove_folder(r, r->state, name);
    return remove_at(r, r->state, name, name);
}

static bool remove_state(struct reset *r)
{
    if (r->state < 0)
        return true;
    if (!remove_at(r, r->state, STATE_DEVICE_KEY, STATE_DEVICE_KEY))
        return false;
    DIR *dir = opendir(r->config->state_dir);
    if (!dir)
        return fail(r, "%s: %s", r->config->state_dir, strerror(errno));
    bool good = true;
    for (struct dirent *e; good && (e = readdir(dir)) != NULL;)
        good = remove_entry(r, e->d_name);
    closedir(dir);
    return good;
}

/* --- all of it ----------------------------------------------------------------------------------------------- */

static bool open_state(struct reset *r)
{
    if (!realpath(r->ctl->config_path, r->config_path))
        return fail(r, "%s: %s", r->ctl->config_path, strerror(errno));
    r->state = open(r->config->state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (r->state < 0 && errno != ENOENT)
        return fail(r, "%s: %s%s", r->config->state_dir, strerror(errno),
                    errno == EACCES ? ": run this as root" : "");
    r->key_was_note = state_key_is_note(r->config->state_dir);
    r->goes_on = state_is_being_reset(r->config->state_dir);
    return true;
}

static void print_json(const struct reset *r)
{
    struct json *v = json_new();
    bool good = v && json_set_bool(v, "ok", true) && json_set_text(v, "gateway", slice_of(r->config->gateway.s)) &&
                json_set_int(v, "events_discarded", (int64_t)r->unsent) &&
                json_set_int(v, "removed", r->removed) && json_set_empty_array(v, "left");
    for (size_t i = 0; good && i < r->n_left; i++)
        good = json_append_text(v, "left", slice_of(r->left[i]));
    if (good)
        ctl_print_json(v);
    json_free(v);
}

static void print(const struct reset *r)
{
    if (r->ctl->json) {
        print_json(r);
        return;
    }
    printf("This box is no gateway any more: %d files are gone", r->removed);
    if (r->unsent > 0)
        printf(", %" PRIu64 " events among them that no cloud has", r->unsent);
    printf(".\n%s is as it was: the doors' wiring is the building's.\n", r->ctl->config_path);
    for (size_t i = 0; i < r->n_left; i++)
        printf("Left, since it is not ours: %s\n", r->left[i]);
    if (r->key_was_note)
        printf("The device key is a credential of the units, and lives on: remove it as well, with what names "
               "it\n(README.md, \"The device key\").\n");
    printf("No relay was touched: gatehouse-hold keeps them at their safe levels.\n"
           "Flash keeps copies of what was removed, and nothing here can reach those. What must not come "
           "to light\nneeds another card, or one that was encrypted; and the cloud told to forget this "
           "gateway.\nThe broker knows the old accounts until it is restarted.\n"
           "To begin anew: gatehousectl broker setup; then start gatehoused and gatehouse-syncd.\n");
}

int ctl_factory_reset(const struct ctl *ctl, const struct config *config)
{
    struct reset r = {.ctl = ctl, .config = config, .state = -1};
    bool good = open_state(&r) && are_stopped(&r) && check_events(&r) && is_confirmed(&r) &&
                set_mark(&r) && remove_identity(&r) && remove_broker(&r) && remove_state(&r) &&
                clear_mark(&r);
    if (good)
        print(&r);
    else
        fprintf(stderr, "gatehousectl: %s\n", r.why);
    if (r.state >= 0)
        close(r.state);
    return good ? CTL_DONE : CTL_REFUSED;
}
