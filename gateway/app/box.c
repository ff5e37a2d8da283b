#include "app/box.h"

#include <assert.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapters/json/json.h"
#include "app/fire_rules.h"
#include "app/floor.h"
#include "app/identity.h"
#include "app/state.h"

/* Where a part lies: a path of the configuration, or a name in the state folder. */
static const struct {
    const char *name;
    size_t setting; /* 0 = none: the configuration begins with the site's id */
    const char *state_file;
    bool may_lack;
} parts[BOX_PARTS] = {
    [BOX_CONFIG] = {"config", 0, NULL, false},
    [BOX_BROKER_PASSWORD] = {"broker_password", offsetof(struct config, broker_password_file), NULL,
                             false},
    [BOX_CLOUD_CA] = {"cloud_ca", offsetof(struct config, cloud_ca_file), NULL, false},
    [BOX_CLOUD_TOKEN] = {"cloud_token", offsetof(struct config, cloud_token_file), NULL, false},
    [BOX_CLOUD_CERT] = {"cloud_cert", offsetof(struct config, cloud_cert_file), NULL, false},
    [BOX_CLOUD_KEY] = {"cloud_key", offsetof(struct config, cloud_key_file), NULL, false},
    [BOX_POLICY_KEYS] = {"policy_keys", offsetof(struct config, policy_key_file), NULL, false},
    [BOX_COMMAND_KEYS] = {"command_keys", offsetof(struct config, command_key_file), NULL, false},
    [BOX_RENEWED] = {"renewed", 0, IDENTITY_RENEWED_FILE, true},
    [BOX_BROKER_CA_KEY] = {"broker_ca_key", 0, NULL, true},
    [BOX_BROKER_CA] = {"broker_ca", 0, NULL, true},
    [BOX_BROKER_SERVER_KEY] = {"broker_server_key", 0, NULL, true},
    [BOX_BROKER_SERVER] = {"broker_server", 0, NULL, true},
    [BOX_BROKER_ACCOUNTS] = {"broker_accounts", 0, NULL, true},
    [BOX_BROKER_ACL] = {"broker_acl", 0, NULL, true},
    [BOX_BROKER_ISSUED] = {"broker_issued", 0, NULL, true},
    [BOX_BROKER_REVOKED] = {"broker_revoked", 0, NULL, true},
    [BOX_DEVICE_KEY] = {"device_key", 0, STATE_DEVICE_KEY, false},
    [BOX_FLOOR] = {"floor", 0, FLOOR_FILE, true},
    [BOX_FIRE_IGNORE] = {"fire_ignore", 0, FIRE_RULES_FILE, true},
    [BOX_REPLICA] = {"replica", 0, STATE_REPLICA, true},
    [BOX_KEPT] = {"kept", 0, "journal.db", false},
};

const char *box_part_name(enum box_part part)
{
    return parts[part].name;
}

bool box_is_enrolment(enum box_part part, const struct config *config)
{
    return config && config->is_enrolled && part >= BOX_CLOUD_CA && part <= BOX_COMMAND_KEYS &&
           part != BOX_CLOUD_TOKEN;
}

bool box_may_lack(enum box_part part, const struct config *config)
{
    return parts[part].may_lack || box_is_enrolment(part, config); /* it may be still to come */
}

static_assert(BOX_BROKER_REVOKED - BOX_BROKER_CA_KEY == BROKER_REVOKED - BROKER_CA_KEY &&
                  BOX_BROKER_REVOKED - BOX_BROKER_CA_KEY == BROKER_FILES - 1,
              "the parts of the broker's folder stand in its own order");

bool box_is_broker(enum box_part part, enum broker_file *file)
{
    if (part < BOX_BROKER_CA_KEY || part > BOX_BROKER_REVOKED)
        return false;
    *file = (enum broker_file)(part - BOX_BROKER_CA_KEY);
    return true;
}

bool box_path(char out[CONFIG_PATH_MAX], enum box_part part, const struct config *config,
              const char *config_file)
{
    enum broker_file file;
    if (part == BOX_CONFIG)
        return snprintf(out, CONFIG_PATH_MAX, "%s", config_file) < CONFIG_PATH_MAX;
    if (parts[part].state_file)
        return config_path(out, config->state_dir, parts[part].state_file);
    if (box_is_broker(part, &file))
        return config_path(out, config->broker_dir, broker_file_name(file));
    const char *setting = (const char *)config + parts[part].setting;
    memcpy(out, setting, CONFIG_PATH_MAX);
    return out[0] != '\0';
}

/* --- owners ------------------------------------------------------------------------------- */

static bool tell(char *why, size_t size, const char *what, const char *reason)
{
    snprintf(why, size, "%s: %s", what, reason);
    return false;
}

bool box_entry_of(struct box_entry *out, enum box_part part, const char *path, char *why,
                  size_t why_size)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return tell(why, why_size, path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return tell(why, why_size, path, "it is no regular file");
    const struct passwd *user = getpwuid(st.st_uid);
    const struct group *group = getgrgid(st.st_gid);
    if (!user || !group)
        return tell(why, why_size, path, "its owner or group has no name");
    *out = (struct box_entry){.part = part, .mode = st.st_mode & 0777};
    if (snprintf(out->owner, BOX_NAME_MAX, "%s", user->pw_name) >= BOX_NAME_MAX ||
        snprintf(out->group, BOX_NAME_MAX, "%s", group->gr_name) >= BOX_NAME_MAX)
        return tell(why, why_size, path, "the name of its owner or group is too long");
    return true;
}

bool box_give(int fd, const struct box_entry *entry, char *why, size_t why_size)
{
    if (geteuid() == 0) {
        const struct passwd *user = getpwnam(entry->owner);
        const struct group *group = user ? getgrnam(entry->group) : NULL;
        if (!user)
            return tell(why, why_size, entry->owner, "there is no such user: install the package first");
        if (!group)
            return tell(why, why_size, entry->group, "there is no such group: install the package first");
        if (fchown(fd, user->pw_uid, group->gr_gid) != 0)
            return tell(why, why_size, entry->owner, strerror(errno));
    }
    return fchmod(fd, entry->mode) == 0 ||
           tell(why, why_size, box_part_name(entry->part), strerror(errno));
}

/* --- the message before a part ------------------------------------------------------------- */

char *box_entry_print(const struct box_entry *entry, size_t *len)
{
    struct json *v = json_new();
    bool good = v && json_set_text(v, "part", slice_of(box_part_name(entry->part))) &&
                json_set_text(v, "owner", slice_of(entry->owner)) &&
                json_set_text(v, "group", slice_of(entry->group)) &&
                json_set_int(v, "mode", (int64_t)entry->mode);
    char *text = good ? json_print(v, len) : NULL;
    json_free(v);
    return text;
}

/* It may stand in a complaint at a terminal: nothing that a terminal obeys. */
static bool take_name(const struct json *v, const char *member, char out[BOX_NAME_MAX])
{
    struct slice text;
    if (!json_text(v, member, &text) || text.len == 0 || text.len >= BOX_NAME_MAX)
        return false;
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] <= ' ' || text.ptr[i] == 0x7f)
            return false;
    memcpy(out, text.ptr, text.len);
    out[text.len] = '\0';
    return true;
}

static bool take_part(const struct json *v, enum box_part *out)
{
    struct slice name;
    if (!json_text(v, "part", &name))
        return false;
    for (int i = 0; i < BOX_PARTS; i++) {
        if (!slice_is(name, parts[i].name))
            continue;
        *out = (enum box_part)i;
        return true;
    }
    return false;
}

bool box_entry_parse(struct box_entry *out, struct slice message)
{
    struct box_entry entry = {0};
    int64_t mode = -1;
    struct json *v = json_parse_object(message, NULL, 0);
    bool good = v && take_part(v, &entry.part) && take_name(v, "owner", entry.owner) &&
                take_name(v, "group", entry.group) && json_int(v, "mode", &mode) && mode >= 0 &&
                mode <= 0777;
    json_free(v);
    if (!good)
        return false;
    entry.mode = (mode_t)mode & 0666; /* no part is a program */
    *out = entry;
    return true;
}
