/* The policy as a whole, and schedules. */
#include "replica_facts.h"

#include "replica_schema.h"

#define DAY_MAX 2932896 /* 9999-12-31 */

/* --- site and version --------------------------------------------------------------- */

static enum gh_err read_version(struct replica_facts *f, struct policy_version *out)
{
    DB_RESETS sqlite3_stmt *s = f->s[ASK_VERSION];
    enum gh_err err = db_one(s);
    if (err != GH_OK)
        return err == GH_NOT_FOUND ? GH_RETRY : err;
    out->epoch = sqlite3_column_int64(s, 0);
    out->rev = sqlite3_column_int64(s, 1);
    if (out->epoch < 0 || out->rev < 0)
        return GH_CORRUPT;
    return replica_column_instant(s, 2, &out->issued_at);
}

static enum gh_err read_site(struct replica_facts *f, struct policy_site *out)
{
    DB_RESETS sqlite3_stmt *s = f->s[ASK_SITE];
    int dialect = 0;
    enum gh_err err = db_one(s);
    if (err != GH_OK)
        return err == GH_NOT_FOUND ? GH_RETRY : err;
    err = replica_column_text(s, 0, out->tz, sizeof out->tz);
    if (err == GH_OK)
        err = replica_column_small(s, 1, 0, DIALECTS - 1, &dialect);
    out->dialect = (enum dialect)dialect;
    if (err == GH_OK)
        err = replica_column_flag(s, 2, &out->commit_taken);
    if (err == GH_OK)
        err = replica_column_flag(s, 3, &out->admin_in_lockdown);
    if (err == GH_OK)
        err = replica_column_small(s, 4, 1, 60, &out->read_max_age_s);
    if (err == GH_OK)
        err = replica_column_small(s, 5, 1, 3600, &out->factor_timeout_s);
    if (err == GH_OK)
        err = replica_column_flag(s, 6, &out->duress);
    if (err == GH_OK)
        err = replica_column_small(s, 7, 1, PIN_FAILURES_MAX, &out->pin_lockout.failures);
    if (err == GH_OK)
        err = replica_column_small(s, 8, 1, 86400, &out->pin_lockout.window_s);
    if (err == GH_OK)
        err = replica_column_small(s, 9, 1, 86400, &out->pin_lockout.lock_s);
    for (int i = 0; i < CREDENTIAL_CLASSES && err == GH_OK; i++)
        err = replica_column_small(s, 10 + i, POLICY_AGE_UNLIMITED, INT32_MAX,
                                   &out->max_policy_age_s[i]);
    return err;
}

/* --- holidays ------------------------------------------------------------------------- */

static enum gh_err read_spans(struct replica_pool *pool, struct slice bytes,
                              const struct day_span **out, size_t *n)
{
    size_t count = bytes.len / REPLICA_SPAN_BYTES;
    if (bytes.len % REPLICA_SPAN_BYTES != 0 || count > POLICY_WORKING_MAX)
        return GH_CORRUPT;
    struct day_span *spans = replica_pool_take(pool, count, sizeof *spans);
    const unsigned char *p = (const unsigned char *)bytes.ptr;
    if (!spans)
        return GH_IO;
    for (size_t i = 0; i < count; i++, p += REPLICA_SPAN_BYTES) {
        spans[i] = (struct day_span){(uint16_t)(p[0] | p[1] << 8), (uint16_t)(p[2] | p[3] << 8)};
        if (spans[i].start_min >= spans[i].end_min || spans[i].end_min > 1440)
            return GH_CORRUPT;
    }
    *out = spans;
    *n = count;
    return GH_OK;
}

static enum gh_err read_holiday(struct replica_pool *pool, sqlite3_stmt *s,
                                struct policy_holiday *out)
{
    int from = 0, to = 0;
    enum gh_err err = replica_column_id(s, 0, &out->calendar);
    if (err == GH_OK)
        err = replica_column_small(s, 1, 0, DAY_MAX, &from);
    if (err == GH_OK)
        err = replica_column_small(s, 2, from, DAY_MAX, &to);
    if (err == GH_OK)
        err = replica_column_flag(s, 3, &out->yearly);
    if (err == GH_OK)
        err = read_spans(pool, db_column(s, 4), &out->working, &out->n_working);
    out->from = date_of_day(from);
    out->to = date_of_day(to);
    return err;
}

/* The list grows in the pool: what it leaves behind goes with the rest. */
static enum gh_err read_holidays(struct replica_facts *f, struct holiday_list *out)
{
    DB_RESETS sqlite3_stmt *s = f->s[ASK_HOLIDAYS];
    struct policy_holiday *list = NULL;
    size_t n = 0, room = 0;
    bool row = false;
    enum gh_err err;
    while ((err = db_step(s, &row)) == GH_OK && row) {
        struct policy_holiday *more =
            replica_pool_one_more(&f->kept->pool, list, &room, n, sizeof *more);
        if (!more)
            return GH_IO;
        list = more;
        err = read_holiday(&f->kept->pool, s, &list[n++]);
        if (err != GH_OK)
            return err;
    }
    *out = (struct holiday_list){list, n};
    return err;
}

enum gh_err replica_facts_policy(struct replica_facts *f, struct policy_facts *out)
{
    struct replica_kept *kept = f->kept;
    enum gh_err err = GH_OK;
    if (!kept->has_policy) {
        err = read_version(f, &kept->version);
        if (err == GH_OK)
            err = read_site(f, &kept->site);
        if (err == GH_OK)
            err = read_holidays(f, &kept->holidays);
        kept->has_policy = err == GH_OK;
    }
    out->version = kept->version;
    out->site = kept->site;
    out->holidays = kept->holidays;
    return err;
}

/* --- schedules -------------------------------------------------------------------------- */

static bool window_is_possible(const struct schedule_window *w)
{
    return w->days <= 0x7f && w->start_min < 1440 && w->end_min >= 1 && w->end_min <= 1440 &&
           w->end_min != w->start_min;
}

static enum gh_err read_windows(struct replica_pool *pool, struct slice bytes, struct hours *out)
{
    size_t count = bytes.len / REPLICA_WINDOW_BYTES;
    if (bytes.len % REPLICA_WINDOW_BYTES != 0 || count > POLICY_WINDOWS_MAX)
        return GH_CORRUPT;
    struct schedule_window *windows = replica_pool_take(pool, count, sizeof *windows);
    const unsigned char *p = (const unsigned char *)bytes.ptr;
    if (!windows)
        return GH_IO;
    for (size_t i = 0; i < count; i++, p += REPLICA_WINDOW_BYTES) {
        windows[i] = (struct schedule_window){
            .days = p[0],
            .start_min = (uint16_t)(p[1] | p[2] << 8),
            .end_min = (uint16_t)(p[3] | p[4] << 8),
        };
        if (!window_is_possible(&windows[i]))
            return GH_CORRUPT;
    }
    out->windows = windows;
    out->n = count;
    return GH_OK;
}

enum gh_err replica_facts_hours(struct replica_facts *f, const char *schedule, bool missing,
                                struct hours *out)
{
    DB_RESETS sqlite3_stmt *s = f->s[ASK_SCHEDULE];
    bool row = false;
    void *what = NULL;
    *out = (struct hours){.is_set = false};
    if (schedule[0] == '\0')
        return GH_OK;
    const struct hours *known = replica_kept_find(f, KEPT_SCHEDULE, schedule, NULL);
    if (known) {
        *out = *known;
        return GH_OK;
    }
    enum gh_err err = replica_ask_by(s, schedule, &row);
    if (err != GH_OK)
        return err;
    if (!row) { /* kept by nobody: what it stands for depends on who asks */
        out->is_set = !missing;
        return GH_OK;
    }
    err = replica_kept_add(f, KEPT_SCHEDULE, schedule, sizeof(struct hours), &what, NULL);
    struct hours *made = what;
    if (err == GH_OK) {
        made->is_set = true;
        err = read_windows(&f->kept->pool, db_column(s, 0), made);
    }
    if (err == GH_OK)
        *out = *made;
    return err;
}
