/* reader list, panel list: the accounts of the broker. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/ctl/account_text.h"
#include "app/ctl/desk.h"
#include "core/clock.h"

struct list {
    struct desk desk;
    enum issued_kind kind;
    char *accounts; /* owned */
    size_t accounts_len;
    struct json *out; /* NULL: a table */
    size_t n;
};

struct row {
    const char *id, *how, *serial, *since, *until, *state, *revoked_at;
};

static void put_row(struct list *l, const struct row *row)
{
    l->n++;
    if (!l->out) {
        printf("%-24s %-12s %-21s %-21s %s\n", row->id, row->how, row->since ? row->since : "-",
               row->revoked_at ? row->revoked_at : row->until ? row->until : "-", row->state);
        return;
    }
    struct json *v = json_new();
    if (v && json_set_text(v, "id", slice_of(row->id)) && json_set_text(v, "how", slice_of(row->how)) &&
        json_set_text_or_null(v, "serial", row->serial) &&
        json_set_text_or_null(v, "since", row->since) &&
        json_set_text_or_null(v, "until", row->until) &&
        json_set_text(v, "state", slice_of(row->state)) &&
        json_set_text_or_null(v, "revoked_at", row->revoked_at))
        json_append(l->out, "accounts", v);
    else
        json_free(v);
}

/* --- those of the index ------------------------------------------------------------------------ */

static const char *state_of(const struct list *l, const struct issued_entry *e, bool has_line)
{
    if (e->state == ISSUED_REVOKED)
        return "revoked";
    if (e->state == ISSUED_UNFINISHED)
        return "unfinished";
    if (e->how == ISSUED_PASSWORD && !has_line)
        return "lost";
    return e->how == ISSUED_CERTIFICATE && e->until <= l->desk.now ? "ended" : "live";
}

/* Of several with one id, the newest. */
static bool is_newest(const struct issued *issued, size_t i)
{
    for (size_t k = i + 1; k < issued->n; k++)
        if (issued->entry[k].kind == issued->entry[i].kind &&
            id_equal(&issued->entry[k].id, &issued->entry[i].id))
            return false;
    return true;
}

static void put_entry(struct list *l, size_t i)
{
    const struct issued_entry *e = &l->desk.issued.entry[i];
    char since[INSTANT_TEXT], until[INSTANT_TEXT], revoked[INSTANT_TEXT], account[ISSUED_NAME_MAX];
    issued_account_name(account, e->kind, &e->id);
    bool has_line = accounts_find(slice_make(l->accounts, l->accounts_len), account, NULL);
    instant_format(since, e->since);
    instant_format(until, e->until);
    instant_format(revoked, e->revoked_at);
    put_row(l, &(struct row){.id = e->id.s,
                             .how = issued_how_name(e->how),
                             .serial = e->serial[0] ? e->serial : NULL,
                             .since = since,
                             .until = e->how == ISSUED_CERTIFICATE ? until : NULL,
                             .state = state_of(l, e, has_line),
                             .revoked_at = e->state == ISSUED_REVOKED ? revoked : NULL});
}

/* --- those that somebody else has written --------------------------------------------------------- */

static void put_foreign(void *context, struct slice name)
{
    struct list *l = context;
    struct slice prefix = slice_of(l->kind == ISSUED_PANEL ? "@panel/" : "");
    struct id id;
    if (name.len < prefix.len || !slice_equal(slice_make(name.ptr, prefix.len), prefix) ||
        id_set(&id, slice_make(name.ptr + prefix.len, name.len - prefix.len)) != GH_OK)
        return;
    const struct issued_entry *e = issued_find(&l->desk.issued, l->kind, &id);
    if (!e || e->how != ISSUED_PASSWORD)
        put_row(l, &(struct row){.id = id.s, .how = "password", .state = "not by gatehousectl"});
}

static int print(struct list *l)
{
    const struct issued *issued = &l->desk.issued;
    if (l->desk.ctl->json && (!(l->out = json_new()) || !json_set_bool(l->out, "ok", true) ||
                              !json_set_empty_array(l->out, "accounts"))) {
        json_free(l->out);
        fprintf(stderr, "gatehousectl: out of memory\n");
        return CTL_REFUSED;
    }
    if (!l->out)
        printf("%-24s %-12s %-21s %-21s %s\n", l->kind == ISSUED_PANEL ? "PANEL" : "READER", "ACCOUNT",
               "SINCE", "UNTIL", "STATE");
    for (size_t i = 0; i < issued->n; i++)
        if (issued->entry[i].kind == l->kind && is_newest(issued, i))
            put_entry(l, i);
    accounts_each(slice_make(l->accounts, l->accounts_len), put_foreign, l);
    int status = l->out ? ctl_print_json(l->out) : CTL_DONE;
    json_free(l->out);
    return status;
}

int ctl_account_list(const struct ctl *ctl, const struct config *config, enum issued_kind kind)
{
    struct list l = {.kind = kind};
    int status = CTL_REFUSED;
    if (desk_open(&l.desk, ctl, config, false) &&
        desk_read(&l.desk, BROKER_ACCOUNTS, &l.accounts, &l.accounts_len))
        status = print(&l);
    else
        fprintf(stderr, "gatehousectl: %s\n", l.desk.why);
    free(l.accounts);
    desk_close(&l.desk);
    return status;
}
