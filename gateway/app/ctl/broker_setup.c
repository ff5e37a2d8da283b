/* broker setup: what mosquitto needs so that only known readers connect.
 *
 * Run as often as one likes (the package does it too): it makes what is missing, puts owners
 * and modes right, and overwrites nothing that is there and good. What is there and wrong it
 * names. A run that is cut off is completed by the next: each file is there whole or not at
 * all. */
#include "app/ctl/broker_setup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapters/linux/clock.h"
#include "app/whole_file.h"

/* --- words --------------------------------------------------------------------------------------- */

__attribute__((format(printf, 3, 0))) static void say(struct setup *s, const char *list,
                                                      const char *format, va_list args)
{
    char text[700];
    vsnprintf(text, sizeof text, format, args);
    if (s->out)
        json_append_text(s->out, list, slice_of(text));
    else if (strcmp(list, "notes") == 0)
        fprintf(stderr, "note: %s\n", text);
    else
        puts(text);
}

void setup_done(struct setup *s, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    s->done++;
    say(s, "done", format, args);
    va_end(args);
}

void setup_note(struct setup *s, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(s, "notes", format, args);
    va_end(args);
}

bool setup_has(const struct setup *s, enum broker_file file)
{
    return faccessat(s->desk.folder.fd, broker_file_name(file), F_OK, 0) == 0;
}

bool setup_put(struct setup *s, enum broker_file file, const char *text, const char *what)
{
    if (!desk_put(&s->desk, file, slice_of(text)))
        return false;
    setup_done(s, "%s/%s: %s", s->desk.folder.path, broker_file_name(file), what);
    return true;
}

/* --- revoked ones, and the index ------------------------------------------------------------------------------ */

/* Serials of the index that are revoked, borrowed; owned array. */
static const char **revoked_serials(const struct issued *issued, size_t *n)
{
    const char **serial = calloc(issued->n + 1, sizeof *serial);
    *n = 0;
    for (size_t i = 0; serial && i < issued->n; i++)
        if (issued->entry[i].state == ISSUED_REVOKED && issued->entry[i].serial[0])
            serial[(*n)++] = issued->entry[i].serial;
    return serial;
}

static bool put_revoked(struct setup *s, struct slice old, const char *const *serial, size_t n)
{
    char *text = NULL;
    bool good = authority_revoke(s->authority, old, serial, n, s->desk.now, &text) == GH_OK ||
                desk_fail(&s->desk, "no list of revoked certificates could be made");
    good = good && setup_put(s, BROKER_REVOKED, text, old.ptr ? "put right" : "made");
    free(text);
    return good;
}

static bool ensure_revoked(struct setup *s)
{
    char *old = NULL;
    size_t len = 0, n = 0, held = 0;
    if (setup_has(s, BROKER_REVOKED) && !desk_read(&s->desk, BROKER_REVOKED, &old, &len))
        return false;
    const char **serial = revoked_serials(&s->desk.issued, &n);
    bool good = serial || desk_fail(&s->desk, "out of memory");
    if (good && old &&
        authority_count_revoked(s->authority, slice_make(old, len), serial, n, &held) != GH_OK)
        good = desk_fail(&s->desk, "%s/revoked.pem: it is no list of this CA: move it away, and run this "
                                   "again", s->desk.folder.path);
    if (good && (!old || held < n))
        good = put_revoked(s, slice_make(old, len), serial, n);
    free(serial);
    free(old);
    return good;
}

static bool ensure_issued(struct setup *s)
{
    if (!s->is_first)
        return true;
    if (!desk_put_issued(&s->desk))
        return false;
    setup_done(s, "%s/issued: made: the index of accounts", s->desk.folder.path);
    return true;
}

/* --- owners and modes ------------------------------------------------------------------------------------------- */

static bool mend_owner(struct setup *s, int fd, mode_t mode, uid_t owner, gid_t group, const char *path)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return desk_fail(&s->desk, "%s: %s", path, strerror(errno));
    bool give = st.st_uid != owner || (group != (gid_t)-1 && st.st_gid != group);
    if (!give && (st.st_mode & 07777) == mode)
        return true;
    if ((give && fchown(fd, owner, group) != 0) || fchmod(fd, mode) != 0)
        return desk_fail(&s->desk, "%s: %s", path, strerror(errno));
    setup_done(s, "%s: owner and mode put right", path);
    return true;
}

static bool ensure_owners(struct setup *s)
{
    const struct broker_folder *folder = &s->desk.folder;
    gid_t own = geteuid() == 0 ? 0 : (gid_t)-1;
    char path[CONFIG_PATH_MAX + 32];
    bool good = mend_owner(s, folder->fd, BROKER_FOLDER_MODE, geteuid(), folder->group, folder->path);
    for (int i = 0; good && i < BROKER_FILES; i++) {
        enum broker_file file = (enum broker_file)i;
        snprintf(path, sizeof path, "%s/%s", folder->path, broker_file_name(file));
        int fd = openat(folder->fd, broker_file_name(file), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        good = fd >= 0 || desk_fail(&s->desk, "%s: %s", path, strerror(errno));
        good = good && mend_owner(s, fd, broker_file_mode(file), broker_file_owner(folder, file),
                                  broker_file_is_shared(file) ? folder->group : own, path);
        if (fd >= 0)
            close(fd);
        snprintf(path, sizeof path, "%s" WHOLE_FILE_NEXT, broker_file_name(file));
        (void)unlinkat(folder->fd, path, 0); /* of a writer that was cut off */
    }
    return good;
}

/* --- all of it --------------------------------------------------------------------------------------------------- */

static bool is_own_name(const char *name)
{
    for (int i = 0; i < BROKER_FILES; i++)
        if (strncmp(name, broker_file_name((enum broker_file)i),
                    strlen(broker_file_name((enum broker_file)i))) == 0)
            return true;
    return name[0] == '.'; /* our lock among them */
}

/* Its owner and mode will be ours: it must not be a folder of the system by mistake. */
static bool is_alone(struct setup *s)
{
    DIR *dir = opendir(s->desk.folder.path);
    char name[80] = "";
    for (struct dirent *e; dir && !name[0] && (e = readdir(dir)) != NULL;)
        if (!is_own_name(e->d_name))
            snprintf(name, sizeof name, "%.79s", e->d_name);
    bool good = dir && !name[0];
    if (dir)
        closedir(dir);
    return good || desk_fail(&s->desk, "%s: %s lies there, too: [broker] dir is a folder of its own",
                             s->desk.folder.path, name[0] ? name : "something");
}

static bool read_index(struct setup *s)
{
    s->is_first = !setup_has(s, BROKER_ISSUED);
    if (s->is_first && !is_alone(s))
        return false;
    if (s->is_first && setup_has(s, BROKER_REVOKED))
        setup_note(s, "%s/issued is missing: which readers had certificates is not known any more; put it "
                        "back from a backup if there is one", s->desk.folder.path);
    return s->is_first || desk_read_issued(&s->desk);
}

static void note_surroundings(struct setup *s)
{
    struct linux_clock clock;
    linux_clock_init(&clock, true);
    if (linux_clock_now(&clock).wall.trust == CLOCK_UNSET)
        setup_note(s, "the clock of this box was never set: certificates are made as of the "
                        "date of this version");
    if (geteuid() == 0 && broker_group() == (gid_t)-1)
        setup_note(s, "there is no group " BROKER_GROUP " yet, and mosquitto cannot read these files: install "
                        "mosquitto, then run gatehousectl broker setup again");
    if (geteuid() == 0 && setup_gateway_group() == (gid_t)-1)
        setup_note(s, "there is no group " SETUP_GATEWAY_GROUP " yet, and the gateway cannot read its password: "
                        "install the package, then run gatehousectl broker setup again");
}

/* What was given is looked at before anything is made. */
static bool can_begin(struct setup *s)
{
    char *cert = NULL, why[200];
    size_t len = 0;
    if (setup_has(s, BROKER_SERVER) && !desk_read(&s->desk, BROKER_SERVER, &cert, &len))
        return false;
    bool good = broker_hosts_collect(&s->hosts, s->desk.ctl, slice_make(cert, len), why, sizeof why) ||
                desk_fail(&s->desk, "%s", why);
    free(cert);
    return good && setup_can_make_acl(s);
}

static bool ensure_all(struct setup *s)
{
    return read_index(s) && can_begin(s) && setup_authority(s) && setup_server(s) &&
           setup_password(s) && setup_accounts(s) && setup_acl(s) && ensure_issued(s) &&
           ensure_revoked(s) && ensure_owners(s);
}

int ctl_broker_setup(const struct ctl *ctl, const struct config *config)
{
    struct setup s = {.out = ctl->json ? json_new() : NULL};
    bool good = desk_open(&s.desk, ctl, config, true) && ensure_all(&s);
    if (good)
        note_surroundings(&s);
    if (!good && s.is_first && s.done == 0)
        (void)broker_folder_remove(&s.desk.folder); /* if it is empty, it was made just now */
    if (!good)
        fprintf(stderr, "gatehousectl: %s\n", s.desk.why);
    else if (s.out && json_set_bool(s.out, "ok", true))
        ctl_print_json(s.out);
    else if (s.done == 0)
        printf("%s: everything is there\n", s.desk.folder.path);
    else if (!s.is_first)
        puts("The broker takes this when it is restarted: systemctl restart mosquitto");
    json_free(s.out);
    authority_close(s.authority);
    whole_file_forget(s.password, s.password_len);
    desk_close(&s.desk);
    return good ? CTL_DONE : CTL_REFUSED;
}
