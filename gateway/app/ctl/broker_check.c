#include "app/ctl/broker_check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "adapters/openssl/certificate.h"
#include "adapters/sqlite/replica_reader.h"
#include "app/broker_folder.h"
#include "app/ctl/account_text.h"
#include "app/ctl/broker_hosts.h"
#include "app/ctl/ctl.h"
#include "app/state.h"
#include "core/clock.h"

#define DAY_S 86400

struct check {
    const struct config *config;
    struct broker_folder folder;
    struct issued issued;
    char *accounts; /* owned; NULL: it could not be read */
    size_t accounts_len;
    int64_t now;
    int mistakes;
};

/* --- what lies there --------------------------------------------------------------------------- */

static void check_file(struct check *c, enum broker_file file)
{
    struct stat st;
    const char *name = broker_file_name(file), *path = c->folder.path;
    if (fstatat(c->folder.fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
        ctl_mistake(&c->mistakes, "%s/%s is missing: gatehousectl broker setup makes it, or says what to do", path, name);
        return;
    }
    mode_t too_much = st.st_mode & 07777 & ~broker_file_mode(file);
    if (!S_ISREG(st.st_mode))
        ctl_mistake(&c->mistakes, "%s/%s is no regular file", path, name);
    else if (too_much & 07)
        ctl_mistake(&c->mistakes, "%s/%s: its mode %04o lets everybody at it: gatehousectl broker setup puts it right", path,
                name, (unsigned)st.st_mode & 07777);
    else if ((st.st_mode & 07777) != broker_file_mode(file))
        ctl_mistake(&c->mistakes, "%s/%s: its mode is %04o and should be %04o: gatehousectl broker setup puts it right", path,
                name, (unsigned)st.st_mode & 07777, (unsigned)broker_file_mode(file));
    else if (c->folder.group != (gid_t)-1 && broker_file_is_shared(file) && st.st_gid != c->folder.group)
        ctl_mistake(&c->mistakes, "%s/%s: mosquitto cannot read it: gatehousectl broker setup puts it right", path, name);
    else if (geteuid() == 0 && st.st_uid != broker_file_owner(&c->folder, file))
        ctl_mistake(&c->mistakes, "%s/%s: its owner is another: gatehousectl broker setup puts it right", path, name);
}

static void check_folder(struct check *c)
{
    struct stat st;
    if (fstat(c->folder.fd, &st) == 0 && (st.st_mode & 07777) != BROKER_FOLDER_MODE)
        ctl_mistake(&c->mistakes, "%s: its mode is %04o and should be %04o: gatehousectl broker setup puts it right",
                c->folder.path, (unsigned)st.st_mode & 07777, BROKER_FOLDER_MODE);
    for (int i = 0; i < BROKER_FILES; i++)
        check_file(c, (enum broker_file)i);
}

/* --- certificates --------------------------------------------------------------------------------- */

static bool ends_soon(const struct check *c, int64_t until)
{
    return until - c->now < (int64_t)BROKER_RENEW_DAYS * DAY_S;
}

static void check_server(struct check *c)
{
    char *text = NULL, end[INSTANT_TEXT];
    size_t len = 0;
    struct certificate_facts facts;
    if (broker_folder_read(&c->folder, BROKER_SERVER, &text, &len) != GH_OK)
        return; /* that it is missing was said */
    if (certificate_read(&facts, slice_make(text, len)) != GH_OK) {
        ctl_mistake(&c->mistakes, "%s/server.pem is no certificate: gatehousectl broker setup --renew server",
                c->folder.path);
    } else if (facts.not_after <= c->now) {
        instant_format(end, facts.not_after);
        ctl_mistake(&c->mistakes, "%s/server.pem ended %s, and no reader believes it: gatehousectl broker setup --renew server",
                c->folder.path, end);
    } else if (ends_soon(c, facts.not_after)) {
        instant_format(end, facts.not_after);
        fprintf(stderr, "warning: %s/server.pem ends %s: gatehousectl broker setup --renew server\n",
                c->folder.path, end);
    }
    free(text);
}

static void check_readers_certificates(const struct check *c)
{
    char end[INSTANT_TEXT];
    for (size_t i = 0; i < c->issued.n; i++) {
        const struct issued_entry *e = &c->issued.entry[i];
        if (e->state == ISSUED_REVOKED || e->how != ISSUED_CERTIFICATE || !ends_soon(c, e->until))
            continue;
        instant_format(end, e->until);
        fprintf(stderr, "warning: %s %s: its certificate ends %s: revoke it, and add it anew\n",
                issued_kind_name(e->kind), e->id.s, end);
    }
}

/* --- accounts ---------------------------------------------------------------------------------------- */

static void check_own_account(struct check *c)
{
    if (strcmp(c->config->broker_username, BROKER_USER) != 0)
        fprintf(stderr, "note: the gateway does not use its account: [broker] needs username = " BROKER_USER
                        " and password_file\n");
    else if (c->accounts && !accounts_find(slice_make(c->accounts, c->accounts_len), BROKER_USER, NULL))
        ctl_mistake(&c->mistakes, "%s/accounts: the gateway's own account is missing: gatehousectl broker setup makes it",
                c->folder.path);
}

static void note_reader(void *context, struct slice name)
{
    const struct check *c = context;
    struct id id;
    if (id_set(&id, name) != GH_OK || issued_find(&c->issued, ISSUED_READER, &id) ||
        accounts_find(slice_make(c->accounts, c->accounts_len), id.s, NULL))
        return;
    fprintf(stderr, "note: reader %s of the policy has no account: gatehousectl reader add %s\n", id.s, id.s);
}

static void note_readers(struct check *c)
{
    char path[CONFIG_PATH_MAX];
    if (c->accounts && config_path(path, c->config->state_dir, STATE_REPLICA) &&
        replica_each_reader(path, note_reader, c) != GH_OK)
        return; /* there is no policy, or not for us: nothing to note */
}

static void check_issued(struct check *c)
{
    char *text = NULL;
    size_t len = 0;
    int line = 0;
    if (broker_folder_read(&c->folder, BROKER_ISSUED, &text, &len) != GH_OK)
        return;
    if (issued_parse(&c->issued, slice_make(text, len), &line) == GH_OK) {
        check_readers_certificates(c);
        note_readers(c);
    } else {
        ctl_mistake(&c->mistakes, "%s/issued: line %d is none that gatehousectl wrote: put the file back as it was",
                c->folder.path, line);
    }
    free(text);
}

static void check_all(struct check *c)
{
    check_folder(c);
    check_server(c);
    if (broker_folder_read(&c->folder, BROKER_ACCOUNTS, &c->accounts, &c->accounts_len) != GH_OK)
        c->accounts = NULL;
    check_own_account(c);
    check_issued(c);
    issued_free(&c->issued);
    free(c->accounts);
}

int broker_check(const struct config *config)
{
    struct check c = {.config = config, .now = (int64_t)time(NULL)};
    const char *path = config->broker_dir;
    enum gh_err err = broker_folder_open(&c.folder, path, false);
    if (err == GH_OK) {
        check_all(&c);
        broker_folder_close(&c.folder);
    } else if (err == GH_NOT_FOUND && strcmp(config->broker_username, BROKER_USER) == 0) {
        ctl_mistake(&c.mistakes, "%s: there is no such folder, and the gateway has no account: gatehousectl broker setup "
                    "makes both", path);
    } else if (err == GH_NOT_FOUND) {
        fprintf(stderr, "note: %s: there is no such folder: readers have no accounts (gatehousectl broker "
                        "setup)\n", path);
    } else if (err == GH_IO && errno == EACCES) {
        fprintf(stderr, "note: %s is not looked at: that needs root\n", path);
    } else {
        ctl_mistake(&c.mistakes, "%s: %s", path, broker_folder_why(err));
    }
    return c.mistakes;
}
