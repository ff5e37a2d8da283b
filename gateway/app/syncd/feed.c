#include "app/syncd/feed.h"

#include <stdarg.h>
#include <stdio.h>

#include "app/log.h"
#include "app/policy_intake.h"

__attribute__((format(printf, 3, 4)))
static enum gh_err refuse(char why[REPLICA_WHY_MAX], enum gh_err err, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    if (vsnprintf(why, REPLICA_WHY_MAX, fmt, args) < 0)
        why[0] = '\0';
    va_end(args);
    return err;
}

/* For what fails without words of its own. */
static enum gh_err failed(struct feed *f, enum gh_err err, const char *what)
{
    if (f->why[0] == '\0')
        return refuse(f->why, err, "%s: %s", what, gh_err_name(err));
    return err;
}

static bool is_digest(struct slice text)
{
    if (text.len != REPLICA_DIGEST_HEX)
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (!((text.ptr[i] >= '0' && text.ptr[i] <= '9') ||
              (text.ptr[i] >= 'a' && text.ptr[i] <= 'f')))
            return false;
    return true;
}

/* The bytes that are signed: source, the cloud contract. issued_at as it was sent. */
static bool is_signed(const struct replica_checkpoint *c, const struct json *v,
                      const struct feed_trust *trust, struct slice issued_at)
{
    char text[512];
    struct slice sig;
    int n = snprintf(text, sizeof text, "gatehouse-checkpoint\n%s\n%lld\n%lld\n%lld\n%lld\n%s\n%.*s",
                     trust->site->s, (long long)c->version.epoch, (long long)c->version.rev,
                     (long long)c->schema, (long long)c->rows, c->digest, (int)issued_at.len,
                     issued_at.ptr);
    return n > 0 && n < (int)sizeof text && json_text(v, "sig", &sig) &&
           sign_is_good(trust->keys, sig, slice_make(text, (size_t)n));
}

enum gh_err feed_checkpoint(struct replica_checkpoint *out, const struct json *v,
                            const struct feed_trust *trust, char why[REPLICA_WHY_MAX])
{
    struct replica_checkpoint c = {0};
    struct slice digest, issued_at;
    if (!json_int(v, "schema", &c.schema))
        return refuse(why, GH_INVALID, "checkpoint: schema is missing");
    if (c.schema != FEED_SCHEMA)
        return refuse(why, GH_INVALID, "checkpoint: schema %lld is not supported by this version",
                      (long long)c.schema);
    if (!json_int(v, "epoch", &c.version.epoch) || !json_int(v, "rev", &c.version.rev) ||
        !json_int(v, "rows", &c.rows) || c.version.epoch < 1 || c.version.rev < 0 || c.rows < 0 ||
        c.version.epoch > FEED_PLACE_MAX || c.version.rev > FEED_PLACE_MAX)
        return refuse(why, GH_INVALID, "checkpoint: epoch, rev and rows must be whole numbers");
    if (!json_text(v, "digest", &digest) || !is_digest(digest))
        return refuse(why, GH_INVALID, "checkpoint: digest must be 64 lower-case hex digits");
    if (!json_text(v, "issued_at", &issued_at) ||
        instant_parse(&c.version.issued_at, issued_at) != GH_OK)
        return refuse(why, GH_INVALID, "checkpoint: issued_at must be an instant with its offset");
    memcpy(c.digest, digest.ptr, digest.len);
    if (trust->keys && !is_signed(&c, v, trust, issued_at))
        return refuse(why, GH_INVALID, "checkpoint: its signature is not that of a pinned policy key");
    const struct floor place = {c.version.epoch, c.version.rev};
    if (floor_is_lower(&place, &trust->floor))
        return refuse(why, GH_INVALID, "checkpoint: %lld/%lld is older than %lld/%lld, which was applied",
                      (long long)c.version.epoch, (long long)c.version.rev,
                      (long long)trust->floor.epoch, (long long)trust->floor.rev);
    *out = c;
    return GH_OK;
}

/* --- rows ----------------------------------------------------------------- */

static enum gh_err begin(struct feed *f)
{
    if (f->is_begun)
        return GH_OK;
    enum gh_err err = f->is_snapshot ? replica_writer_begin_snapshot(f->writer)
                                     : replica_writer_begin(f->writer);
    f->is_begun = err == GH_OK;
    return err ? failed(f, err, "replica") : GH_OK;
}

static enum gh_err put_row(struct feed *f, struct slice line)
{
    struct policy_row row;
    char why[INTAKE_WHY_MAX] = "";
    enum gh_err err = intake_check(&row, line, f->arena, why);
    if (err)
        return refuse(f->why, GH_INVALID, "%s", why);
    if (f->is_snapshot && ++f->rows > f->checkpoint.rows)
        return refuse(f->why, GH_INVALID, "snapshot: it has more rows than its checkpoint says, %lld",
                      (long long)f->checkpoint.rows);
    if (why[0])
        log_line(LOG_WARNING, "pull: %s", why); /* an inert row: it grants nothing */
    err = begin(f);
    if (err)
        return err;
    return intake_put(f->writer, f->keys, &row, line, f->why);
}

/* --- lines that are no rows ------------------------------------------------ */

static enum gh_err take_head(struct feed *f, const struct json *v)
{
    struct slice next;
    int64_t epoch;
    if (f->has_head)
        return refuse(f->why, GH_INVALID, "changes: a second head line");
    if (!json_int(v, "epoch", &epoch) || !json_text(v, "next", &next) || next.len == 0 ||
        next.len > REPLICA_CURSOR_MAX)
        return refuse(f->why, GH_INVALID, "changes: the head line needs epoch and next");
    if (epoch != f->epoch && !f->is_lane) /* changes to another policy than the one we hold */
        return refuse(f->why, GH_INVALID, "changes: epoch %lld, but %lld is applied",
                      (long long)epoch, (long long)f->epoch);
    if (memchr(next.ptr, '\0', next.len))
        return refuse(f->why, GH_INVALID, "changes: next holds a zero byte");
    memcpy(f->next, next.ptr, next.len);
    f->next[next.len] = '\0';
    f->has_more = json_bool(v, "more", &f->has_more) && f->has_more;
    f->has_head = true;
    return GH_OK;
}

static enum gh_err take_deny(struct feed *f, const struct json *v)
{
    struct slice k, id_text;
    struct id id;
    enum row_kind kind;
    int64_t rev;
    if (!json_text(v, "k", &k) || !json_text(v, "id", &id_text) || !json_int(v, "rev", &rev) ||
        row_kind_parse(&kind, k) != GH_OK || id_set(&id, id_text) != GH_OK)
        return refuse(f->why, GH_INVALID, "changes: a deny line needs k, id and rev");
    if ((kind != ROW_PERSON && kind != ROW_CREDENTIAL && kind != ROW_ENTITLEMENT) || rev < 0)
        return refuse(f->why, GH_INVALID, "changes: %s %s cannot be denied", row_kind_name(kind),
                      id.s);
    if (f->deny)
        f->deny(f->context, kind, &id, rev);
    enum gh_err err = f->writer ? replica_writer_deny(f->writer, kind, &id, rev) : GH_OK;
    return err ? failed(f, err, "deny line") : GH_OK;
}

static enum gh_err take_checkpoint(struct feed *f, const struct json *v)
{
    enum gh_err err = feed_checkpoint(&f->checkpoint, v, f->trust, f->why);
    if (err)
        return err;
    if (f->checkpoint.version.epoch != f->epoch)
        return refuse(f->why, GH_INVALID, "checkpoint: epoch %lld is not that of the head, %lld",
                      (long long)f->checkpoint.version.epoch, (long long)f->epoch);
    f->has_checkpoint = true;
    return begin(f);
}

static enum gh_err take_special(struct feed *f, const struct json *v, struct slice line)
{
    struct slice t;
    if (!json_text(v, "t", &t))
        return refuse(f->why, GH_INVALID, "changes: a line with a \"t\" that is no text");
    if (slice_is(t, "head"))
        return take_head(f, v);
    if (!f->has_head)
        return refuse(f->why, GH_INVALID, "changes: the first line must be the head");
    if (slice_is(t, "deny"))
        return take_deny(f, v);
    if (slice_is(t, "command")) {
        f->command(f->context, line);
        return GH_OK;
    }
    if (slice_is(t, "checkpoint"))
        return take_checkpoint(f, v);
    return refuse(f->why, GH_INVALID, "changes: \"%.*s\" lines are not supported by this version",
                  t.len < 32 ? (int)t.len : 32, t.ptr);
}

static void free_json(struct json **v)
{
    json_free(*v);
}

static enum gh_err take_change(struct feed *f, struct slice line)
{
    char why[160];
    __attribute__((cleanup(free_json))) struct json *v = json_parse_object(line, why, sizeof why);
    if (!v)
        return refuse(f->why, GH_INVALID, "changes: a line is not JSON: %s", why);
    if (f->has_checkpoint)
        return refuse(f->why, GH_INVALID, "changes: a line behind the checkpoint");
    if (json_has(v, "t"))
        return take_special(f, v, line);
    if (!f->has_head)
        return refuse(f->why, GH_INVALID, "changes: the first line must be the head");
    return put_row(f, line);
}

/* --- the lane alone ---------------------------------------------------------- */

/* What is wrong with a line is told already, or is the pull's to tell. */
static void take_lane(struct feed *f, struct slice line)
{
    struct slice t;
    struct feed aside = {.writer = f->writer, .deny = f->deny, .context = f->context};
    __attribute__((cleanup(free_json))) struct json *v = json_parse_object(line, NULL, 0);
    if (!v || !json_text(v, "t", &t))
        return;
    if (slice_is(t, "command"))
        f->command(f->context, line);
    else if (slice_is(t, "deny") && take_deny(&aside, v) != GH_OK)
        log_line(LOG_DEBUG, "pull: %s", aside.why);
    else if (slice_is(t, "head") && !f->has_head && take_head(f, v) != GH_OK)
        log_line(LOG_DEBUG, "pull: %s", f->why);
}

/* --- the whole ------------------------------------------------------------ */

bool feed_line(void *feed, struct slice line)
{
    struct feed *f = feed;
    f->err = f->is_snapshot ? put_row(f, line) : take_change(f, line);
    return f->err == GH_OK;
}

bool feed_line_on(void *feed, struct slice line)
{
    struct feed *f = feed;
    if (f->is_lane || f->err)
        take_lane(f, line);
    else
        (void)feed_line(f, line);
    return f->has_head;
}

/* Reading everything takes a while on a large site, and the next poll waits for it. */
#define DANGLING_ROWS_MAX 50000
#define DANGLING_LINES_MAX 20

static void say_dangling(void *context, const char *line)
{
    (void)context;
    log_line(LOG_WARNING, "policy: %s", line);
}

static void report_dangling(struct feed *f)
{
    struct replica_state state;
    replica_writer_state(f->writer, &state);
    if (state.rows > DANGLING_ROWS_MAX && !f->is_snapshot)
        return;
    if (replica_writer_dangling(f->writer, DANGLING_LINES_MAX, say_dangling, NULL) != GH_OK)
        log_line(LOG_WARNING, "policy: its references could not be looked at");
}

enum gh_err feed_commit(struct feed *f, struct slice cursor)
{
    if (!f->has_checkpoint)
        return refuse(f->why, GH_INVALID, "changes: no checkpoint at the end");
    enum gh_err err = begin(f); /* a snapshot may hold no rows at all */
    if (err)
        return err;
    err = replica_writer_commit(f->writer, &f->checkpoint, cursor, f->why);
    f->is_begun = false;
    if (err)
        return failed(f, err, "replica");
    report_dangling(f);
    return GH_OK;
}

void feed_drop(struct feed *f)
{
    if (f->is_begun)
        replica_writer_drop(f->writer);
    f->is_begun = false;
}
