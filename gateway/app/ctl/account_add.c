/* reader add, panel add: a new account, handed out once.
 *
 * What is handed out is made first, in memory. Then, each step durable before the next: the
 * index says `unfinished`; the password stands in the broker's file; what was made is handed
 * out; the index says `live`. A cut leaves either nothing that works, or an account that was
 * handed out; the next add takes the place of what a cut has left, and revokes it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapters/openssl/broker_password.h"
#include "adapters/openssl/certificate.h"
#include "adapters/sqlite/replica_reader.h"
#include "app/ctl/account_text.h"
#include "app/ctl/desk.h"
#include "app/ctl/handout.h"
#include "app/state.h"
#include "app/whole_file.h"
#include "core/clock.h"

#define FILE_NAME_MAX (ID_MAX + 8)
#define CA_FILE "ca.pem" /* among what is handed out */

struct add {
    struct desk desk;
    struct issued_entry entry;
    char account[ISSUED_NAME_MAX];
    char password[DESK_PASSWORD_MAX];
    struct authority_pair pair;
    char *ca, *server; /* PEM, owned */
    size_t ca_len, server_len;
    struct certificate_facts ca_facts;
    char *line; /* what is handed out, as one line (handout.h); owned */
    size_t line_len;
    int columns, rows; /* of its QR code */
    const char *out;   /* the folder for files; NULL: none */
    int out_fd;        /* -1 = not open */
    const char *made[3]; /* files that lie there now because of us */
    size_t n_made;
    char key_file[FILE_NAME_MAX], cert_file[FILE_NAME_MAX];
    bool must_restart; /* a certificate of before was revoked */
    bool is_handed_out;
    enum desk_told told;
};

static const char *noun(const struct add *a)
{
    return issued_kind_name(a->entry.kind);
}

static bool is_password(const struct add *a)
{
    return a->entry.how == ISSUED_PASSWORD;
}

/* --- may it be --------------------------------------------------------------------------------------- */

static bool check_id(struct add *a, const char *id)
{
    struct desk *d = &a->desk;
    if (id_set(&a->entry.id, slice_of(id)) != GH_OK)
        return desk_fail(d, "that is no id of a %s: 1 to %d of A-Z a-z 0-9 . _ : -", noun(a), ID_MAX);
    issued_account_name(a->account, a->entry.kind, &a->entry.id);
    if (is_password(a) && strchr(id, ':'))
        return desk_fail(d, "%s: an id with a colon cannot have a password (the broker's file of "
                            "accounts has no room for it): leave out --password, for a certificate", id);
    if (!is_password(a) && strlen(a->account) > AUTHORITY_NAME_MAX)
        return desk_fail(d, "%s: a certificate has room for %d characters of a panel's id: take "
                            "--password", id, AUTHORITY_NAME_MAX - 7);
    if (!is_password(a) && strcmp(id, "ca") == 0)
        return desk_fail(d, "ca: its file would be ca.pem, which is the authority's: give it another "
                            "id, or take --password");
    if (a->entry.kind == ISSUED_PANEL && !config_find_panel(d->config, &a->entry.id))
        return desk_fail(d, "panel %s is not in %s: what it may do has to stand there first, as [panel "
                            "%s]", id, d->ctl->config_path, id);
    return true;
}

static bool check_free(struct add *a)
{
    struct desk *d = &a->desk;
    char since[INSTANT_TEXT], *text = NULL;
    size_t len = 0;
    const struct issued_entry *old = issued_find(&d->issued, a->entry.kind, &a->entry.id);
    if (old && old->state == ISSUED_LIVE) {
        instant_format(since, old->since);
        return desk_fail(d, "%s %s has an account since %s; revoke it first", noun(a), old->id.s, since);
    }
    if (!desk_read(d, BROKER_ACCOUNTS, &text, &len))
        return false;
    bool is_free = old || !accounts_find(slice_make(text, len), a->account, NULL);
    free(text);
    return is_free || desk_fail(d, "%s %s has an account that gatehousectl did not make; revoke it first",
                                noun(a), a->entry.id.s);
}

/* --- what is handed out ------------------------------------------------------------------------------ */

static bool make_certificate(struct add *a)
{
    struct desk *d = &a->desk;
    struct certificate_facts facts;
    struct authority *authority = desk_authority(d);
    bool good = authority != NULL;
    if (good && authority_issue_client(authority, a->account, d->now, &a->pair) != GH_OK)
        good = desk_fail(d, "no certificate could be made");
    authority_close(authority);
    if (!good)
        return false;
    if (certificate_read(&facts, slice_of(a->pair.certificate)) != GH_OK)
        return desk_fail(d, "the certificate that was made cannot be read");
    snprintf(a->entry.serial, sizeof a->entry.serial, "%s", facts.serial);
    a->entry.until = facts.not_after;
    return true;
}

static bool make_line(struct add *a)
{
    struct desk *d = &a->desk;
    if (!desk_read(d, BROKER_CA, &a->ca, &a->ca_len) ||
        !desk_read(d, BROKER_SERVER, &a->server, &a->server_len))
        return false;
    if (certificate_read(&a->ca_facts, slice_make(a->ca, a->ca_len)) != GH_OK)
        return desk_fail(d, "%s/ca.pem: it is no certificate: put it back as it was", d->folder.path);
    const struct handout handout = {.account = a->account,
                                    .password = is_password(a) ? a->password : NULL,
                                    .certificate = a->pair.certificate,
                                    .key = a->pair.key,
                                    .server = slice_make(a->server, a->server_len),
                                    .authority = a->ca_facts.fingerprint};
    a->line = handout_print(&handout, &a->line_len);
    return a->line || desk_fail(d, "out of memory, or %s/server.pem is no certificate", d->folder.path);
}

/* A code that does not fit cannot be read, and what it holds is shown once. */
static bool check_terminal(struct add *a)
{
    struct desk *d = &a->desk;
    struct winsize size;
    if (!d->ctl->qr || d->ctl->json)
        return true;
    if (!handout_draw(NULL, slice_make(a->line, a->line_len), &a->columns, &a->rows))
        return desk_fail(d, "it is too much for a QR code: leave out --qr");
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 ||
        (size.ws_col >= a->columns && size.ws_row > a->rows))
        return true;
    return desk_fail(d, "the QR code needs a terminal of %d columns and %d rows, and this one has %d and "
                        "%d: make it larger, or its letters smaller; nothing was made",
                     a->columns, a->rows + 1, size.ws_col, size.ws_row);
}

/* --- files ---------------------------------------------------------------------------------------------- */

static bool is_there(struct add *a, const char *name)
{
    return faccessat(a->out_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* The authority's certificate may lie there from another reader. */
static bool check_ca_file(struct add *a)
{
    char *text = NULL;
    size_t len = 0;
    enum gh_err err = whole_file_read(a->out_fd, CA_FILE, &text, &len);
    bool good = err == GH_NOT_FOUND ||
                (err == GH_OK && slice_equal(slice_make(text, len), slice_make(a->ca, a->ca_len)));
    free(text);
    return good || desk_fail(&a->desk, "%s/" CA_FILE ": it is there and is not this box's: name another "
                                       "folder with --out", a->out);
}

static bool open_out(struct add *a)
{
    struct desk *d = &a->desk;
    a->out = d->ctl->out ? d->ctl->out : is_password(a) ? NULL : ".";
    if (!a->out)
        return true;
    a->out_fd = open(a->out, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (a->out_fd < 0)
        return desk_fail(d, "%s: %s", a->out, strerror(errno));
    snprintf(a->cert_file, sizeof a->cert_file, "%s.pem", a->entry.id.s);
    snprintf(a->key_file, sizeof a->key_file, "%s.key", a->entry.id.s);
    if (!is_password(a) && (is_there(a, a->cert_file) || is_there(a, a->key_file)))
        return desk_fail(d, "%s/%s: it is there already: move it away, or name another folder with --out",
                         a->out, is_there(a, a->cert_file) ? a->cert_file : a->key_file);
    return check_ca_file(a);
}

static bool put_new(struct add *a, const char *name, struct slice text)
{
    int fd = openat(a->out_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return desk_fail(&a->desk, "%s/%s: %s", a->out, name, strerror(errno));
    a->made[a->n_made++] = name;
    ssize_t n = write(fd, text.ptr, text.len);
    bool good = n == (ssize_t)text.len && fsync(fd) == 0;
    if (!good)
        desk_fail(&a->desk, "%s/%s: %s", a->out, name, n < 0 ? strerror(errno) : "the disk is full");
    return (close(fd) == 0 && good) || desk_fail(&a->desk, "%s/%s: %s", a->out, name, strerror(errno));
}

static bool put_files(struct add *a)
{
    bool good = a->out_fd < 0 || is_there(a, CA_FILE) || put_new(a, CA_FILE, slice_make(a->ca, a->ca_len));
    if (a->out_fd >= 0 && !is_password(a))
        good = good && put_new(a, a->key_file, slice_of(a->pair.key)) &&
               put_new(a, a->cert_file, slice_of(a->pair.certificate));
    if (good && (a->out_fd < 0 || fsync(a->out_fd) == 0))
        return true;
    desk_fail(&a->desk, "%s: %s", a->out, strerror(errno));
    while (a->n_made > 0)
        (void)unlinkat(a->out_fd, a->made[--a->n_made], 0);
    return false;
}

/* --- words ------------------------------------------------------------------------------------------------ */

static void print_host(void *context, const char *host, bool is_address)
{
    int *n = context;
    (void)is_address;
    printf("%s%s", (*n)++ > 0 ? ", " : "", host);
}

static void print_broker(const struct add *a)
{
    int n = 0;
    printf("  broker    ");
    if (certificate_each_host(slice_make(a->server, a->server_len), print_host, &n) != GH_OK || n == 0)
        printf("this box");
    printf("; port %d, TLS\n", is_password(a) ? HANDOUT_PORT_PASSWORD : HANDOUT_PORT_CERTIFICATE);
    printf("  CA        SHA-256 %s\n", a->ca_facts.fingerprint);
}

static void print_account(const struct add *a)
{
    char until[INSTANT_TEXT];
    printf("%s %s has an account.\n\n  account   %s\n", noun(a), a->entry.id.s, a->account);
    if (is_password(a)) {
        printf("  password  %s\n", a->password);
    } else {
        instant_format(until, a->entry.until);
        printf("  files     %s/%s\n            %s/%s (secret)\n            %s/" CA_FILE "\n  until     %s\n",
               a->out, a->cert_file, a->out, a->key_file, a->out, until);
    }
    print_broker(a);
    if (is_password(a))
        printf("\nThe password is shown this once and is kept nowhere. The reader checks the broker by\n"
               "its CA: %s/" CA_FILE ".\n", a->out ? a->out : a->desk.folder.path);
    else
        printf("\nBring the three files to the %s, then remove %s/%s here.\n", noun(a), a->out, a->key_file);
}

static bool print_json(const struct add *a)
{
    char until[INSTANT_TEXT];
    struct json *v = json_new();
    instant_format(until, a->entry.until);
    bool good = v && json_set_bool(v, "ok", true) && json_set_text(v, noun(a), slice_of(a->entry.id.s)) &&
                json_set_text(v, "account", slice_of(a->account)) &&
                json_set_text(v, "how", slice_of(issued_how_name(a->entry.how))) &&
                json_set_text_or_null(v, "serial", is_password(a) ? NULL : a->entry.serial) &&
                json_set_text_or_null(v, "until", is_password(a) ? NULL : until) &&
                json_set_text_or_null(v, "folder", a->out) &&
                json_set_text(v, "broker", slice_of(desk_told_name(a->told)));
    if (good && (is_password(a) || a->desk.ctl->qr)) /* a key goes into its file alone, unless it is asked for */
        good = json_set_text(v, "provisioning", slice_make(a->line, a->line_len));
    if (good)
        ctl_print_json(v);
    json_free(v);
    return good;
}

static bool show(struct add *a)
{
    if (a->desk.ctl->json)
        return print_json(a);
    print_account(a);
    if (a->desk.ctl->qr) {
        putchar('\n');
        handout_draw(stdout, slice_make(a->line, a->line_len), &a->columns, &a->rows);
    }
    if (a->desk.ctl->qr && is_password(a))
        printf("\nThe code holds this line:\n%s\n", a->line);
    return true;
}

/* A password has left us only if the output took it: not a pipe that is closed or a full disk. */
static bool hand_out(struct add *a)
{
    if (!put_files(a))
        return false;
    bool shown = show(a);
    shown = fflush(stdout) == 0 && !ferror(stdout) && shown;
    a->is_handed_out = shown || !is_password(a);
    return a->is_handed_out ||
           desk_fail(&a->desk, "the password could not be shown: nobody has it; add the %s again", noun(a));
}

/* --- the steps -------------------------------------------------------------------------------------------- */

/* What a cut has left of an earlier add is revoked: nobody knows whether it was handed out. */
static bool replace_unfinished(struct add *a)
{
    struct desk *d = &a->desk;
    struct issued_entry *old = issued_find(&d->issued, a->entry.kind, &a->entry.id);
    if (!old)
        return true;
    const char *const serial[] = {old->serial};
    a->must_restart = old->how == ISSUED_CERTIFICATE;
    if ((a->must_restart && !desk_revoke(d, serial, 1)) || !desk_remove_password(d, a->account))
        return false;
    old->state = ISSUED_REVOKED;
    old->revoked_at = d->now;
    return true;
}

static bool put_unfinished(struct add *a)
{
    struct desk *d = &a->desk;
    a->entry.state = ISSUED_UNFINISHED;
    enum gh_err err = issued_add(&d->issued, &a->entry);
    if (err == GH_FULL)
        return desk_fail(d, "%s/issued: it holds %d accounts, and that is all it can: take out lines of passwords "
                            "that are revoked", d->folder.path, ISSUED_MAX);
    return (err == GH_OK || desk_fail(d, "out of memory")) && desk_put_issued(d);
}

static bool put_password(struct add *a)
{
    struct desk *d = &a->desk;
    char *text = NULL, *old = NULL, hash[BROKER_HASH_MAX];
    size_t len = 0;
    if (!is_password(a))
        return true;
    if (broker_password_hash(hash, slice_of(a->password)) != GH_OK)
        return desk_fail(d, "the password could not be hashed");
    if (!desk_read(d, BROKER_ACCOUNTS, &old, &len))
        return false;
    text = accounts_set(slice_make(old, len), a->account, hash, &len);
    free(old);
    bool good = text ? desk_put(d, BROKER_ACCOUNTS, slice_make(text, len)) : desk_fail(d, "out of memory");
    free(text);
    return good;
}

static void tell_broker(struct add *a)
{
    bool changed = is_password(a) || a->entry.kind == ISSUED_PANEL;
    if (a->must_restart)
        a->told = desk_tell(DESK_RESTARTED);
    else if (changed)
        a->told = desk_tell(DESK_RELOADED);
}

static bool put_live(struct add *a)
{
    struct issued_entry *entry = issued_find(&a->desk.issued, a->entry.kind, &a->entry.id);
    entry->state = ISSUED_LIVE;
    return desk_put_issued(&a->desk);
}

static bool make(struct add *a)
{
    if (is_password(a))
        desk_make_password(a->password);
    else if (!make_certificate(a))
        return false;
    return make_line(a) && check_terminal(a) && open_out(a);
}

static bool commit(struct add *a)
{
    if (!replace_unfinished(a) || !put_unfinished(a) || !put_password(a) ||
        (a->entry.kind == ISSUED_PANEL && !desk_put_acl(&a->desk)))
        return false;
    tell_broker(a);
    return hand_out(a) && put_live(a);
}

/* --- notes ------------------------------------------------------------------------------------------------- */

struct lookup {
    const struct id *id;
    bool found;
};

static void look(void *context, struct slice id)
{
    struct lookup *l = context;
    l->found = l->found || slice_is(id, l->id->s);
}

static void note_policy(const struct add *a)
{
    char path[CONFIG_PATH_MAX];
    struct lookup l = {&a->entry.id, false};
    if (a->entry.kind != ISSUED_READER || !config_path(path, a->desk.config->state_dir, STATE_REPLICA))
        return;
    enum gh_err err = replica_each_reader(path, look, &l);
    if (err == GH_NOT_FOUND)
        fprintf(stderr, "note: there is no policy here yet: no read of %s opens anything\n", l.id->s);
    else if (err == GH_OK && !l.found)
        fprintf(stderr, "note: no row reader %s in the policy yet: no read of it opens anything\n", l.id->s);
}

static void note_files(const struct add *a)
{
    struct stat st;
    if (!is_password(a) && fstatat(a->out_fd, a->key_file, &st, 0) == 0 && (st.st_mode & 077))
        fprintf(stderr, "note: others can read %s/%s: the folder's file system keeps no modes\n", a->out,
                a->key_file);
}

static void note_all(const struct add *a)
{
    const char *line = desk_told_line(a->told, a->must_restart ? DESK_RESTARTED : DESK_RELOADED);
    if (line && (a->told == DESK_NOT_TOLD || !a->desk.ctl->json))
        fprintf(a->told == DESK_NOT_TOLD ? stderr : stdout, "%s\n", line);
    note_policy(a);
    note_files(a);
}

int ctl_account_add(const struct ctl *ctl, const struct config *config, enum issued_kind kind,
                    const char *id)
{
    struct add a = {.entry = {.kind = kind,
                              .how = ctl->password ? ISSUED_PASSWORD : ISSUED_CERTIFICATE},
                    .out_fd = -1};
    a.desk = (struct desk){.ctl = ctl, .config = config, .folder = {.fd = -1}};
    bool good = check_id(&a, id) && desk_open(&a.desk, ctl, config, false);
    a.entry.since = a.desk.now;
    good = good && check_free(&a) && make(&a) && commit(&a);
    if (a.is_handed_out)
        note_all(&a);
    if (!good)
        fprintf(stderr, "gatehousectl: %s\n", a.desk.why);
    desk_close(&a.desk);
    crypto_forget(a.password, sizeof a.password);
    whole_file_forget(a.line, a.line_len);
    authority_pair_free(&a.pair);
    free(a.ca);
    free(a.server);
    if (a.out_fd >= 0)
        close(a.out_fd);
    return good ? CTL_DONE : CTL_REFUSED;
}
