/* broker setup: the gateway's own account, and everybody's rights. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapters/crypto/crypto.h"
#include "adapters/openssl/broker_password.h"
#include "app/ctl/account_text.h"
#include "app/ctl/broker_setup.h"
#include "app/whole_file.h"

#define ACL_SHIPPED "/usr/share/gatehouse/acl"
#define PASSWORD_FILE_MODE 0640

/* --- the gateway's own account ------------------------------------------------------------------------- */

static bool find_password_file(struct setup *s)
{
    const struct config *c = s->desk.config;
    const char *slash = strrchr(c->broker_dir, '/');
    if (c->broker_password_file[0])
        snprintf(s->password_file, CONFIG_PATH_MAX, "%s", c->broker_password_file);
    else if (snprintf(s->password_file, CONFIG_PATH_MAX, "%.*s/broker.password",
                      (int)(slash - c->broker_dir), c->broker_dir) >= CONFIG_PATH_MAX)
        return desk_fail(&s->desk, "%s: the path is too long", c->broker_dir);
    if (strcmp(c->broker_username, BROKER_USER) != 0)
        setup_note(s, "the gateway does not use its account yet: %s needs, in [broker], username = "
                        BROKER_USER " and password_file = %s", s->desk.ctl->config_path, s->password_file);
    return true;
}

static bool put_password_file(struct setup *s, const char *password, gid_t group)
{
    char folder[CONFIG_PATH_MAX], text[DESK_PASSWORD_MAX + 1];
    const char *slash = strrchr(s->password_file, '/');
    snprintf(folder, sizeof folder, "%.*s", (int)(slash - s->password_file), s->password_file);
    snprintf(text, sizeof text, "%s\n", password);
    int fd = open(slash == s->password_file ? "/" : folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    enum gh_err err = fd < 0 ? GH_IO
                             : whole_file_put(fd, slash + 1, slice_of(text), PASSWORD_FILE_MODE,
                                              (uid_t)-1, group);
    int saved = errno;
    if (fd >= 0)
        close(fd);
    crypto_forget(text, sizeof text);
    return err == GH_OK || desk_fail(&s->desk, "%s: %s", s->password_file, strerror(saved));
}

gid_t setup_gateway_group(void)
{
    const struct group *group = geteuid() == 0 ? getgrnam(SETUP_GATEWAY_GROUP) : NULL;
    return group ? group->gr_gid : (gid_t)-1;
}

/* Only the gateway and root may read it. */
static bool mend_password_file(struct setup *s, gid_t group)
{
    struct stat st;
    int fd = open(s->password_file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    bool good = fd >= 0 && fstat(fd, &st) == 0;
    bool is_right = good && (st.st_mode & 07777) == PASSWORD_FILE_MODE && st.st_uid == geteuid() &&
                    (group == (gid_t)-1 || st.st_gid == group);
    if (good && !is_right) {
        good = fchown(fd, geteuid(), group) == 0 && fchmod(fd, PASSWORD_FILE_MODE) == 0;
        setup_done(s, "%s: owner and mode put right", s->password_file);
    }
    int saved = errno;
    if (fd >= 0)
        close(fd);
    return good || desk_fail(&s->desk, "%s: %s", s->password_file, strerror(saved));
}

static bool read_password(struct setup *s)
{
    enum gh_err err = whole_file_read(AT_FDCWD, s->password_file, &s->password, &s->password_len);
    if (err)
        return desk_fail(&s->desk, "%s: %s", s->password_file,
                         err == GH_INVALID ? "it is no regular file" : strerror(errno));
    s->password_len = strcspn(s->password, "\r\n");
    return s->password_len > 0 ||
           desk_fail(&s->desk, "%s: it holds no password: remove it, and run this again", s->password_file);
}

bool setup_password(struct setup *s)
{
    char password[DESK_PASSWORD_MAX];
    gid_t group = setup_gateway_group();
    if (!find_password_file(s))
        return false;
    if (access(s->password_file, F_OK) == 0)
        return mend_password_file(s, group) && read_password(s);
    desk_make_password(password);
    bool good = put_password_file(s, password, group);
    crypto_forget(password, sizeof password);
    if (!good)
        return false;
    setup_done(s, "%s: made: the gateway's own password; it takes it when it starts", s->password_file);
    return read_password(s);
}

/* The line of the gateway's account is that of its password; others are left alone. */
bool setup_accounts(struct setup *s)
{
    char *old = NULL, *text = NULL, hash_text[BROKER_HASH_MAX];
    struct slice hash = {0}, password = slice_make(s->password, s->password_len);
    size_t len = 0;
    bool is_there = setup_has(s, BROKER_ACCOUNTS);
    if (is_there && !desk_read(&s->desk, BROKER_ACCOUNTS, &old, &len))
        return false;
    bool has_line = accounts_find(slice_make(old, len), BROKER_USER, &hash);
    if (has_line && broker_password_is(hash, password)) {
        free(old);
        return true;
    }
    bool good = broker_password_hash(hash_text, password) == GH_OK &&
                (text = accounts_set(slice_make(old, len), BROKER_USER, hash_text, &len)) != NULL;
    good = good ? setup_put(s, BROKER_ACCOUNTS, text, is_there ? "the gateway's own account put right" : "made")
                : desk_fail(&s->desk, "the gateway's password could not be hashed");
    free(text);
    free(old);
    return good;
}

/* --- rights ------------------------------------------------------------------------------------------------ */

static bool read_shipped(struct setup *s, char **out, size_t *len)
{
    const char *path = s->desk.ctl->acl ? s->desk.ctl->acl : ACL_SHIPPED;
    enum gh_err err = whole_file_read(AT_FDCWD, path, out, len);
    return err == GH_OK ||
           desk_fail(&s->desk, "%s: %s: it holds the rights of readers, and comes with the package; or name "
                               "another with --acl",
                     path, err == GH_INVALID ? "it is no regular file" : strerror(errno));
}

static bool put_acl(struct setup *s, struct slice base, struct slice old)
{
    size_t len = 0;
    char *text = acl_compose(base, &s->desk.issued, &len);
    bool good = text || desk_fail(&s->desk, "out of memory");
    good = good && text;
    if (good && !(old.ptr && slice_equal(slice_make(text, len), old)))
        good = setup_put(s, BROKER_ACL, text, old.ptr ? "put right" : "made");
    free(text);
    return good;
}

bool setup_acl(struct setup *s)
{
    bool renew = s->desk.ctl->renew && strcmp(s->desk.ctl->renew, "acl") == 0;
    char *old = NULL, *shipped = NULL;
    size_t old_len = 0, len = 0;
    bool is_there = setup_has(s, BROKER_ACL);
    if (is_there && (!desk_read(&s->desk, BROKER_ACL, &old, &old_len) || !old))
        return false;
    struct slice now = slice_make(old, old_len), base = acl_base(now);
    bool good = true;
    if (!is_there || renew || s->desk.ctl->acl || access(ACL_SHIPPED, R_OK) == 0)
        good = read_shipped(s, &shipped, &len);
    if (good && (!is_there || renew))
        good = put_acl(s, slice_make(shipped, len), now);
    else if (good)
        good = put_acl(s, base, now);
    if (good && is_there && !renew && shipped && !slice_equal(base, slice_make(shipped, len)))
        setup_note(s, "the rights in acl are not those of %s: gatehousectl broker setup --renew acl takes "
                        "those", s->desk.ctl->acl ? s->desk.ctl->acl : ACL_SHIPPED);
    free(shipped);
    free(old);
    return good;
}

bool setup_can_make_acl(struct setup *s)
{
    char *shipped = NULL;
    size_t len = 0;
    bool good = setup_has(s, BROKER_ACL) || read_shipped(s, &shipped, &len);
    free(shipped);
    return good;
}
