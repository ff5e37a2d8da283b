#include "app/policy_intake.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "adapters/glib/zone.h"
#include "app/line_file.h"
#include "core/fnv.h"

/* --- a row ------------------------------------------------------------------------ */

static const char *zone_of(const struct policy_row *row)
{
    return row->kind == ROW_SITE ? row->d.site.tz : row->kind == ROW_DOOR ? row->d.door.tz : "";
}

/* A door whose zone is unknown here would have no wall clock. */
static bool is_zone_known(const struct policy_row *row)
{
    struct zone_view view;
    const char *tz = zone_of(row);
    return row->removal || !tz[0] || zone_view_load(&view, tz, (int64_t)time(NULL)) == GH_OK;
}

enum gh_err intake_check(struct policy_row *out, struct slice line, struct arena *arena,
                         char why[INTAKE_WHY_MAX])
{
    char detail[ROW_WHY_MAX] = "";
    struct policy_row row;
    arena_reset(arena);
    enum gh_err err = row_json_parse(&row, line, arena, detail);
    if (err == GH_OK && !is_zone_known(&row)) {
        err = GH_INVALID;
        snprintf(detail, sizeof detail,
                 "%s \"%s\": field \"tz\" must be a time zone that this system knows: %s is none",
                 row_kind_name(row.kind), row.id.s, zone_of(&row));
    }
    snprintf(why, INTAKE_WHY_MAX, "%s", err && !detail[0] ? gh_err_name(err) : detail);
    if (err == GH_OK)
        *out = row;
    return err;
}

enum gh_err intake_put(struct replica_writer *writer, const struct crypto_keys *keys,
                       struct policy_row *row, struct slice line, char why[INTAKE_WHY_MAX])
{
    struct replica_row stored = {.row = row};
    char refused[REPLICA_WHY_MAX] = "";
    bool has_value = row->kind == ROW_CREDENTIAL && !row->removal;
    crypto_sha256(stored.line_hash, line);
    if (has_value)
        crypto_value_hash(stored.value_hash, keys, row->d.credential.type,
                          &row->d.credential.value);
    enum gh_err err = replica_writer_put(writer, &stored, refused);
    if (has_value)
        crypto_forget(&row->d.credential.value, sizeof row->d.credential.value);
    if (err)
        snprintf(why, INTAKE_WHY_MAX, "%s", refused[0] ? refused : gh_err_name(err));
    return err;
}

void intake_mask_key(unsigned char out[32], const struct crypto_keys *keys)
{
    crypto_hmac(out, keys->value, slice_of("replica line mask"));
}

void intake_mask(void *context, unsigned char out[32], struct slice nonce)
{
    crypto_hmac(out, context, nonce);
}

/* --- a file ------------------------------------------------------------------------ */

/* Which rows a file has had, so that one that comes twice is noticed. */
struct seen {
    struct seen_row {
        struct id id;
        enum row_kind kind;
        int line; /* 0 = free */
    } *row;       /* owned; a power of two of them */
    size_t room, n;
};

static size_t place_of(const struct seen *s, enum row_kind kind, const struct id *id)
{
    size_t at = (size_t)fnv1a(FNV1A_BASIS ^ (uint64_t)kind, slice_of(id->s)) & (s->room - 1);
    while (s->row[at].line && (s->row[at].kind != kind || !id_equal(&s->row[at].id, id)))
        at = (at + 1) & (s->room - 1);
    return at;
}

static bool make_room(struct seen *s)
{
    if (2 * s->n < s->room)
        return true;
    struct seen more = {.room = s->room ? s->room * 2 : 1024, .n = s->n};
    more.row = calloc(more.room, sizeof *more.row);
    if (!more.row)
        return false;
    for (size_t i = 0; i < s->room; i++)
        if (s->row[i].line)
            more.row[place_of(&more, s->row[i].kind, &s->row[i].id)] = s->row[i];
    free(s->row);
    *s = more;
    return true;
}

/* The line on which this row came before; 0 if it comes for the first time; -1: no
 * memory. */
static int see(struct seen *s, const struct policy_row *row, int line)
{
    if (!make_room(s))
        return -1;
    struct seen_row *place = &s->row[place_of(s, row->kind, &row->id)];
    if (place->line)
        return place->line;
    *place = (struct seen_row){row->id, row->kind, line};
    s->n++;
    return 0;
}

struct reading {
    struct intake_file *file;
    struct seen seen;
};

static void refuse(struct intake_file *file, int number, const char *why)
{
    file->bad++;
    file->report(file->context, number, why);
}

/* GH_OK also for a bad line, which was reported. */
static enum gh_err take_line(void *context, int number, struct slice line)
{
    struct reading *reading = context;
    struct intake_file *file = reading->file;
    struct policy_row row;
    char why[INTAKE_WHY_MAX] = "";
    if (intake_check(&row, line, file->arena, why) != GH_OK) {
        refuse(file, number, why);
        return GH_OK;
    }
    int before = see(&reading->seen, &row, number);
    if (before < 0)
        return GH_IO;
    if (row.removal)
        snprintf(why, sizeof why, "%s \"%s\": a policy file holds rows, not removals",
                 row_kind_name(row.kind), row.id.s);
    else if (before > 0)
        snprintf(why, sizeof why, "%s \"%s\": stands already on line %d: each id may come once",
                 row_kind_name(row.kind), row.id.s, before);
    if (row.removal || before > 0) {
        refuse(file, number, why);
        return GH_OK;
    }
    if (why[0])
        file->report(file->context, number, why); /* inert */
    file->rows++;
    if (file->row)
        file->row(file->context, &row);
    if (!file->writer)
        return GH_OK;
    enum gh_err err = intake_put(file->writer, file->keys, &row, line, why);
    if (err)
        refuse(file, number, why); /* the batch is gone: nothing more can be put */
    return err;
}

enum gh_err intake_read(struct intake_file *file, const char *path)
{
    struct reading reading = {.file = file};
    const char *why;
    enum gh_err err = line_file_each(path, take_line, &reading, &why);
    if (why)
        file->report(file->context, 0, why);
    free(reading.seen.row);
    return err == GH_OK && file->bad > 0 ? GH_INVALID : err;
}
