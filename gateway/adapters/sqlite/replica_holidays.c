#include "replica_facts.h"
#include "replica_schema.h"

#define DAY_MAX 2932896 /* 9999-12-31 */

static enum gh_err add_spans(struct replica_facts *f, struct slice bytes, size_t *n)
{
    size_t count = bytes.len / REPLICA_SPAN_BYTES;
    if (bytes.len % REPLICA_SPAN_BYTES != 0 || count > POLICY_WORKING_MAX)
        return GH_CORRUPT;
    const unsigned char *p = (const unsigned char *)bytes.ptr;
    for (size_t i = 0; i < count; i++, p += REPLICA_SPAN_BYTES) {
        struct day_span span = {(uint16_t)(p[0] | p[1] << 8), (uint16_t)(p[2] | p[3] << 8)};
        if (span.start_min >= span.end_min || span.end_min > 1440)
            return GH_CORRUPT;
        void *list = replica_with_room(f->spans, &f->spans_room, f->n_spans, sizeof *f->spans);
        if (!list)
            return GH_IO;
        f->spans = list;
        f->spans[f->n_spans++] = span;
    }
    *n = count;
    return GH_OK;
}

static enum gh_err add_holiday(struct replica_facts *f, sqlite3_stmt *s)
{
    struct policy_holiday h = {.working = NULL};
    int from = 0, to = 0;
    enum gh_err err = replica_column_id(s, 1, &h.calendar);
    if (err == GH_OK)
        err = replica_column_small(s, 2, 0, DAY_MAX, &from);
    if (err == GH_OK)
        err = replica_column_small(s, 3, from, DAY_MAX, &to);
    if (err == GH_OK)
        err = replica_column_flag(s, 4, &h.yearly);
    if (err == GH_OK)
        err = add_spans(f, db_column(s, 5), &h.n_working);
    if (err != GH_OK)
        return err;
    h.from = date_of_day(from);
    h.to = date_of_day(to);
    void *list =
        replica_with_room(f->holidays, &f->holidays_room, f->n_holidays, sizeof *f->holidays);
    if (!list)
        return GH_IO;
    f->holidays = list;
    f->holidays[f->n_holidays++] = h;
    return GH_OK;
}

enum gh_err replica_facts_holidays(struct replica_facts *f, struct access_facts *out)
{
    DB_RESETS sqlite3_stmt *s = f->s[ASK_HOLIDAYS];
    bool row = false;
    enum gh_err err = GH_OK;
    f->n_holidays = f->n_spans = 0;
    while ((err = db_step(s, &row)) == GH_OK && row) {
        err = add_holiday(f, s);
        if (err != GH_OK)
            return err;
    }
    /* Only now does the list of spans stay where it is. */
    size_t at = 0;
    for (size_t i = 0; i < f->n_holidays; i++) {
        f->holidays[i].working = f->holidays[i].n_working ? &f->spans[at] : NULL;
        at += f->holidays[i].n_working;
    }
    out->holidays = f->n_holidays ? f->holidays : NULL;
    out->n_holidays = f->n_holidays;
    return err;
}
