/* reader revoke, panel revoke: an account is taken back.
 *
 * First what shuts it out, each step durable before the next: the list of revoked certificates,
 * the broker's passwords, the panel's rights; then the index, which calls it live until then, so
 * that a revocation that was cut off is simply done again. At last the broker is restarted: a
 * reload reads no list of revoked ones, and leaves connections as they are. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/ctl/account_text.h"
#include "app/ctl/desk.h"

static bool has_line(struct desk *d, const char *account, bool *has)
{
    char *text = NULL;
    size_t len = 0;
    if (!desk_read(d, BROKER_ACCOUNTS, &text, &len))
        return false;
    *has = accounts_find(slice_make(text, len), account, NULL);
    free(text);
    return true;
}

static bool shut_out(struct desk *d, struct issued_entry *entry, const char *account)
{
    if (entry && entry->how == ISSUED_CERTIFICATE) {
        const char *const serial[] = {entry->serial};
        if (!desk_revoke(d, serial, 1))
            return false;
    }
    if (!desk_remove_password(d, account))
        return false;
    if (!entry)
        return true;
    entry->state = ISSUED_REVOKED;
    entry->revoked_at = d->now;
    return (entry->kind != ISSUED_PANEL || desk_put_acl(d)) && desk_put_issued(d);
}

static bool revoke(struct desk *d, enum issued_kind kind, const struct id *id)
{
    char account[ISSUED_NAME_MAX];
    bool has = false;
    struct issued_entry *entry = issued_find(&d->issued, kind, id);
    issued_account_name(account, kind, id);
    if (!has_line(d, account, &has))
        return false;
    if (!entry && !has)
        return desk_fail(d, "%s %s has no account: gatehousectl %s list shows those that there are",
                         issued_kind_name(kind), id->s, issued_kind_name(kind));
    return shut_out(d, entry, account);
}

static void print_json(enum issued_kind kind, const char *id, enum desk_told told)
{
    struct json *v = json_new();
    if (v && json_set_bool(v, "ok", told != DESK_NOT_TOLD) &&
        json_set_text(v, issued_kind_name(kind), slice_of(id)) && json_set_bool(v, "revoked", true) &&
        json_set_text(v, "broker", slice_of(desk_told_name(told))))
        ctl_print_json(v);
    json_free(v);
}

int ctl_account_revoke(const struct ctl *ctl, const struct config *config, enum issued_kind kind,
                       const char *id_text)
{
    struct desk d = {.folder = {.fd = -1}};
    struct id id;
    bool good = id_set(&id, slice_of(id_text)) == GH_OK ||
                desk_fail(&d, "that is no id of a %s: 1 to %d of A-Z a-z 0-9 . _ : -",
                          issued_kind_name(kind), ID_MAX);
    good = good && desk_open(&d, ctl, config, false) && revoke(&d, kind, &id);
    desk_close(&d);
    if (!good) {
        fprintf(stderr, "gatehousectl: %s\n", d.why);
        return CTL_REFUSED;
    }
    enum desk_told told = desk_tell(DESK_RESTARTED);
    const char *line = desk_told_line(told, DESK_RESTARTED);
    if (ctl->json)
        print_json(kind, id.s, told);
    else
        printf("%s %s has no account any more.\n", issued_kind_name(kind), id.s);
    fflush(stdout);
    if (told == DESK_NOT_TOLD)
        fprintf(stderr, "gatehousectl: %s\n", line);
    else if (!ctl->json)
        puts(line);
    return told == DESK_NOT_TOLD ? CTL_REFUSED : CTL_DONE;
}
