#include "app/ctl/desk.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "adapters/crypto/crypto.h"
#include "app/ctl/account_text.h"
#include "app/state.h"
#include "app/whole_file.h"

#define GROUPS 5
#define GROUP_LEN 5

bool desk_fail(struct desk *d, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (!d->why[0])
        vsnprintf(d->why, sizeof d->why, format, args);
    va_end(args);
    return false;
}

static bool fail_file(struct desk *d, enum broker_file file, enum gh_err err)
{
    const char *reason = err == GH_NOT_FOUND ? "it is missing: gatehousectl broker setup says what to do"
                         : err == GH_INVALID ? "it is no regular file"
                         : err == GH_FULL    ? "it is too large, or the disk is full"
                                             : strerror(errno);
    return desk_fail(d, "%s/%s: %s", d->folder.path, broker_file_name(file), reason);
}

/* --- files --------------------------------------------------------------------------------------- */

bool desk_read(struct desk *d, enum broker_file file, char **out, size_t *len)
{
    enum gh_err err = broker_folder_read(&d->folder, file, out, len);
    return err == GH_OK || fail_file(d, file, err);
}

bool desk_put(struct desk *d, enum broker_file file, struct slice bytes)
{
    enum gh_err err = broker_folder_put(&d->folder, file, bytes);
    return err == GH_OK || fail_file(d, file, err);
}

/* Takes the text; NULL: there was no memory. */
static bool put_text(struct desk *d, enum broker_file file, char *text, size_t len)
{
    bool good = text ? desk_put(d, file, slice_make(text, len)) : desk_fail(d, "out of memory");
    free(text);
    return good;
}

bool desk_read_issued(struct desk *d)
{
    char *text = NULL;
    size_t len = 0;
    int line = 0;
    if (!desk_read(d, BROKER_ISSUED, &text, &len))
        return false;
    enum gh_err err = issued_parse(&d->issued, slice_make(text, len), &line);
    free(text);
    return err == GH_OK ||
           desk_fail(d, "%s/%s: line %d is none that gatehousectl wrote: put the file back as it was",
                     d->folder.path, broker_file_name(BROKER_ISSUED), line);
}

bool desk_put_issued(struct desk *d)
{
    size_t len = 0;
    char *text = issued_print(&d->issued, &len);
    return put_text(d, BROKER_ISSUED, text, len);
}

bool desk_put_acl(struct desk *d)
{
    char *old = NULL, *text;
    size_t len = 0;
    if (!desk_read(d, BROKER_ACL, &old, &len))
        return false;
    text = acl_compose(acl_base(slice_make(old, len)), &d->issued, &len);
    free(old);
    return put_text(d, BROKER_ACL, text, len);
}

bool desk_remove_password(struct desk *d, const char *account)
{
    char *old = NULL, *text;
    size_t len = 0;
    if (!desk_read(d, BROKER_ACCOUNTS, &old, &len))
        return false;
    bool has = accounts_find(slice_make(old, len), account, NULL);
    text = has ? accounts_remove(slice_make(old, len), account, &len) : NULL;
    free(old);
    return !has || put_text(d, BROKER_ACCOUNTS, text, len);
}

/* --- the authority ------------------------------------------------------------------------------- */

struct authority *desk_authority(struct desk *d)
{
    struct authority *a = NULL;
    char *cert = NULL, *key = NULL;
    size_t cert_len = 0, key_len = 0;
    if (desk_read(d, BROKER_CA, &cert, &cert_len) && desk_read(d, BROKER_CA_KEY, &key, &key_len) &&
        authority_open(&a, slice_make(cert, cert_len), slice_make(key, key_len)) != GH_OK)
        desk_fail(d, "%s: ca.pem and ca.key do not belong together: put them back as they were",
                  d->folder.path);
    free(cert);
    whole_file_forget(key, key_len);
    return a;
}

bool desk_revoke(struct desk *d, const char *const *serials, size_t n)
{
    struct authority *a = desk_authority(d);
    char *old = NULL, *list = NULL;
    size_t len = 0;
    bool good = a && desk_read(d, BROKER_REVOKED, &old, &len);
    if (good && authority_revoke(a, slice_make(old, len), serials, n, d->now, &list) != GH_OK)
        good = desk_fail(d, "%s/%s: it is no list of this CA: move it away, and gatehousectl broker "
                            "setup makes it anew",
                         d->folder.path, broker_file_name(BROKER_REVOKED));
    authority_close(a);
    free(old);
    return good && put_text(d, BROKER_REVOKED, list, strlen(list));
}

/* --- opening --------------------------------------------------------------------------------------- */

bool desk_open(struct desk *d, const struct ctl *ctl, const struct config *config, bool make)
{
    *d = (struct desk){.ctl = ctl, .config = config, .folder = {.fd = -1}, .now = (int64_t)time(NULL)};
    if (crypto_start() != GH_OK)
        return desk_fail(d, "the crypto library does not start");
    if (state_is_being_reset(config->state_dir))
        return desk_fail(d, "%s: " STATE_RESET_HELP, config->state_dir);
    enum gh_err err = broker_folder_open(&d->folder, config->broker_dir, make);
    if (err)
        return desk_fail(d, "%s: %s%s", config->broker_dir, broker_folder_why(err),
                         err == GH_NOT_FOUND && !make ? ": gatehousectl broker setup makes it" : "");
    return make || desk_read_issued(d);
}

void desk_close(struct desk *d)
{
    issued_free(&d->issued);
    broker_folder_close(&d->folder);
}

/* --- passwords --------------------------------------------------------------------------------------- */

void desk_make_password(char out[DESK_PASSWORD_MAX])
{
    /* 32 of them: neither 0 nor O, neither 1 nor I. */
    static const char letters[] = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
    unsigned char bytes[GROUPS * GROUP_LEN];
    size_t n = 0;
    crypto_random(bytes, sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++) {
        if (i > 0 && i % GROUP_LEN == 0)
            out[n++] = '-';
        out[n++] = letters[bytes[i] % 32];
    }
    out[n] = '\0';
    crypto_forget(bytes, sizeof bytes);
}
