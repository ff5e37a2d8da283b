/* backup FILE: what makes this box this box, sealed under a passphrase. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "adapters/sqlite/journal_db.h"
#include "adapters/sqlite/replica_reader.h"
#include "app/box.h"
#include "app/ctl/ctl.h"
#include "app/ctl/interrupt.h"
#include "app/ctl/passphrase.h"
#include "app/state.h"
#include "core/changes.h"
#include "core/clock.h"

struct backup {
    const struct ctl *ctl;
    const struct config *config;
    const char *path;
    struct seal *seal;
    char why[600];
    int n_parts;
};

static bool fail(struct backup *b, const char *what, const char *why)
{
    snprintf(b->why, sizeof b->why, "%s: %s", what, why);
    return false;
}

static bool put(struct backup *b, struct slice message, enum seal_mark mark)
{
    if (interrupt_came())
        return fail(b, b->path, "interrupted: nothing was written");
    return seal_put(b->seal, message, mark) == GH_OK || fail(b, b->path, strerror(errno));
}

static bool put_head(struct backup *b)
{
    char at[INSTANT_TEXT];
    size_t len;
    struct json *v = json_new();
    instant_format(at, (int64_t)time(NULL));
    bool good = v && json_set_int(v, "backup", 1) &&
                json_set_text(v, "version", slice_of(GATEHOUSE_VERSION)) &&
                json_set_text(v, "site", slice_of(b->config->site.s)) &&
                json_set_text(v, "gateway", slice_of(b->config->gateway.s)) &&
                json_set_text(v, "created_at", slice_of(at));
    char *text = good ? json_print(v, &len) : NULL;
    json_free(v);
    good = text ? put(b, slice_make(text, len), SEAL_LAST) : fail(b, b->path, "out of memory");
    free(text);
    return good;
}

static bool put_entry(struct backup *b, enum box_part part, const char *path)
{
    struct box_entry entry;
    size_t len;
    if (!box_entry_of(&entry, part, path, b->why, sizeof b->why))
        return false;
    char *text = box_entry_print(&entry, &len);
    bool good = text ? put(b, slice_make(text, len), SEAL_MORE) : fail(b, path, "out of memory");
    free(text);
    b->n_parts += good;
    return good;
}

/* The file may be written anew by renaming meanwhile: one open file is one state. */
static bool put_bytes(struct backup *b, const char *path)
{
    char bytes[SEAL_MESSAGE_MAX];
    FILE *f = fopen(path, "re");
    bool good = f != NULL;
    size_t n = 1;
    while (good && n > 0) {
        n = fread(bytes, 1, sizeof bytes, f);
        good = !ferror(f) && put(b, slice_make(bytes, n), n > 0 ? SEAL_MORE : SEAL_LAST);
    }
    crypto_forget(bytes, sizeof bytes);
    if (f)
        fclose(f);
    return good || b->why[0] || fail(b, path, strerror(errno));
}

static bool put_file(struct backup *b, enum box_part part, const char *path)
{
    return put_entry(b, part, path) && put_bytes(b, path);
}

/* The key itself, also where the state folder has but a note of it: another machine cannot open
 * what this one has sealed. */
static bool put_device_key(struct backup *b, const char *path)
{
    char digits[CONFIG_PATH_MAX];
    struct crypto_keys keys;
    enum gh_err err = state_keys_load(&keys, b->config->state_dir, 0);
    crypto_forget(&keys, sizeof keys);
    if (err || !state_device_key_path(digits, b->config->state_dir))
        return fail(b, path, err == GH_CORRUPT ? STATE_KEY_HELP : gh_err_name(err));
    return put_entry(b, BOX_DEVICE_KEY, path) && put_bytes(b, digits);
}

/* --- the replica: a copy of one moment ---------------------------------------------------- */

static bool put_replica(struct backup *b, const char *path)
{
    char copy[CONFIG_PATH_MAX];
    if (!config_path(copy, b->config->state_dir, STATE_REPLICA ".backup"))
        return fail(b, path, "the path is too long");
    (void)unlink(copy); /* of a backup that was cut off */
    enum gh_err err = replica_copy(path, copy);
    bool good = err == GH_OK ? put_entry(b, BOX_REPLICA, path) && put_bytes(b, copy)
                             : fail(b, path, gh_err_name(err));
    (void)unlink(copy);
    return good;
}

/* --- what decisions keep -------------------------------------------------------------------- */

struct keeping {
    struct backup *backup;
    struct changes changes;
    bool failed;
};

static bool put_changes(struct keeping *k, enum seal_mark mark)
{
    k->failed |= !put(k->backup, changes_slice(&k->changes), mark);
    k->changes.len = 0;
    return !k->failed;
}

static bool keep(void *context, struct slice key, struct slice value)
{
    struct keeping *k = context;
    if (value.ptr == NULL)
        value.ptr = "";
    if (changes_add(&k->changes, key, value) == GH_OK)
        return true;
    if (!put_changes(k, SEAL_MORE))
        return false;
    k->failed = changes_add(&k->changes, key, value) != GH_OK;
    return !k->failed || fail(k->backup, "journal.db", "what it keeps is too long");
}

static bool put_kept(struct backup *b, const char *path)
{
    struct journal_reader *reader = NULL;
    struct keeping k = {.backup = b};
    /* A gatehoused that runs brings what only the tail has into the database before it answers. */
    struct json *request = ctl_request("events");
    if (request && json_set_int(request, "last", 1))
        json_free(ctl_ask_quietly(b->ctl, request));
    else
        json_free(request);
    enum gh_err err = journal_reader_open(&reader, b->config->state_dir);
    if (err)
        return fail(b, path, gh_err_name(err));
    bool good = put_entry(b, BOX_KEPT, path);
    if (good)
        err = journal_reader_kept(reader, keep, &k);
    journal_reader_close(reader);
    if (err)
        return fail(b, path, gh_err_name(err));
    return good && !k.failed && put_changes(&k, SEAL_LAST);
}

/* --- all of it ---------------------------------------------------------------------------------- */

static bool put_part(struct backup *b, enum box_part part)
{
    char path[CONFIG_PATH_MAX];
    if (!box_path(path, part, b->config, b->ctl->config_path))
        return true;
    if (access(path, F_OK) != 0 && box_may_lack(part, b->config))
        return true;
    if (part == BOX_REPLICA)
        return put_replica(b, path);
    if (part == BOX_DEVICE_KEY)
        return put_device_key(b, path);
    return part == BOX_KEPT ? put_kept(b, path) : put_file(b, part, path);
}

/* The broker's files are of one moment: nobody changes an account meanwhile. */
static bool lock_broker(struct backup *b, struct broker_folder *folder)
{
    const char *path = b->config->broker_dir;
    enum gh_err err = broker_folder_open(folder, path, false);
    return err == GH_OK || err == GH_NOT_FOUND || fail(b, path, broker_folder_why(err));
}

static bool put_all(struct backup *b)
{
    struct broker_folder folder = {.fd = -1};
    bool good = put_head(b) && lock_broker(b, &folder);
    for (int part = 0; good && part < BOX_PARTS; part++)
        good = put_part(b, (enum box_part)part);
    broker_folder_close(&folder);
    return good && put(b, slice_of(""), SEAL_END);
}

static bool write_file(struct backup *b, struct slice passphrase)
{
    int fd = open(b->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
    if (!f) {
        if (fd >= 0)
            close(fd);
        return fail(b, b->path, errno == EEXIST ? "it exists: name a new file" : strerror(errno));
    }
    bool good = seal_begin(&b->seal, f, passphrase) == GH_OK ? put_all(b)
                                                             : fail(b, b->path, strerror(errno));
    if (good && (fflush(f) != 0 || fsync(fd) != 0))
        good = fail(b, b->path, strerror(errno));
    if (fclose(f) != 0 && good)
        good = fail(b, b->path, strerror(errno));
    seal_free(b->seal);
    if (!good)
        (void)unlink(b->path);
    return good;
}

int ctl_backup(const struct ctl *ctl, const struct config *config, const char *path)
{
    char passphrase[PASSPHRASE_MAX + 1];
    struct backup b = {.ctl = ctl, .config = config, .path = path};
    bool good = crypto_start() == GH_OK || fail(&b, "the crypto library", "it does not start");
    if (good && !passphrase_read(passphrase, true))
        return CTL_REFUSED;
    good = good && write_file(&b, slice_of(passphrase));
    crypto_forget(passphrase, sizeof passphrase);
    if (!good) {
        fprintf(stderr, "gatehousectl: %s\n", b.why);
        return CTL_REFUSED;
    }
    printf("%s: gateway %s, %d parts. Without the passphrase nobody can use it, nor you.\n"
           "Events are not in it: they go to the cloud.\n",
           path, config->gateway.s, b.n_parts);
    return CTL_DONE;
}
