#include "row_json.h"

#include <stdarg.h>
#include <stdio.h>

#include "row_field.h"
#include "strict.h"

__attribute__((format(printf, 2, 3))) static enum gh_err refuse(char why[ROW_WHY_MAX],
                                                                const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(why, ROW_WHY_MAX, format, args);
    va_end(args);
    return GH_INVALID;
}

static bool is_known(const struct row_table *table, struct slice field)
{
    if (slice_is(field, "crit"))
        return true;
    for (size_t i = 0; i < table->n_fields; i++)
        if (slice_is(field, table->fields[i].name))
            return true;
    return false;
}

/* What must not be ignored: an unknown name makes a row that only permits
 * permit nothing, and any other row unusable. */
static enum gh_err check_crit(struct row_reader *r, const struct row_table *table, const json_t *d,
                              bool *inert)
{
    static const struct field crit_field = {.name = "crit"};
    const json_t *crit = json_object_get(d, "crit");
    if (field_is_absent(crit))
        return GH_OK;
    enum gh_err err = field_texts(r, &crit_field, crit, NULL);
    for (size_t i = 0; !err && i < json_array_size(crit); i++) {
        struct slice name = strict_text(json_array_get(crit, i));
        if (is_known(table, name))
            continue;
        bool plain = id_is_valid(name);
        *inert = true;
        (void)row_refuse(r, &crit_field, "names %s%.*s, which this version does not know%s",
                         plain ? "" : "a field", plain ? (int)name.len : 0, plain ? name.ptr : "",
                         table->only_permits ? ": the row grants nothing" : "");
        return table->only_permits ? GH_OK : GH_INVALID;
    }
    return err;
}

static enum gh_err read_fields(struct policy_row *row, const struct row_table *table,
                               const json_t *root, struct row_reader *r)
{
    const json_t *d = json_object_get(root, "d");
    if (!json_is_object(d))
        return refuse(r->why, "%s \"%s\": \"d\" must be an object", r->kind, r->id);
    enum gh_err err = row_fields_parse(r, table->fields, table->n_fields, d, &row->d);
    if (!err && table->finish)
        err = table->finish(r, d, row);
    return err ? err : check_crit(r, table, d, &row->inert);
}

/* id is empty if there is none. */
static enum gh_err refuse_kind(char why[ROW_WHY_MAX], const char *id, struct slice kind)
{
    if (id_is_valid(kind))
        return refuse(why, "row \"%s\": unknown kind \"%.*s\"", id, (int)kind.len, kind.ptr);
    return refuse(why, "row \"%s\": \"k\" must be a kind of row", id);
}

static enum gh_err read_row(struct policy_row *row, const json_t *root, struct arena *arena,
                            char why[ROW_WHY_MAX])
{
    struct slice kind = strict_text(json_object_get(root, "k"));
    bool has_id = id_set(&row->id, strict_text(json_object_get(root, "id"))) == GH_OK;
    if (row_kind_parse(&row->kind, kind))
        return refuse_kind(why, row->id.s, kind);
    struct row_reader r = {
        .kind = row_kind_name(row->kind), .id = row->id.s, .arena = arena, .why = why};
    if (!has_id)
        return refuse(why, "%s: \"id\" must be 1 to %d characters of A-Z a-z 0-9 . _ : -", r.kind,
                      ID_MAX);
    const json_t *op = json_object_get(root, "op");
    if (field_is_absent(op))
        return read_fields(row, row_table_of(row->kind), root, &r);
    if (!slice_is(strict_text(op), "del"))
        return refuse(why, "%s \"%s\": \"op\" must be \"del\" or absent", r.kind, r.id);
    row->removal = true;
    return GH_OK;
}

enum gh_err row_json_parse(struct policy_row *out, struct slice line, struct arena *arena,
                           char why[ROW_WHY_MAX])
{
    why[0] = '\0';
    if (line.len > (size_t)POLICY_LINE_MAX)
        return refuse(why, "the row is longer than %d bytes", POLICY_LINE_MAX);
    STRICT_OWNED json_t *root = strict_load(line, why, ROW_WHY_MAX);
    if (!root)
        return GH_INVALID;
    struct policy_row row;
    memset(&row, 0, sizeof row);
    size_t used = arena->used;
    enum gh_err err = read_row(&row, root, arena, why);
    if (err) {
        arena->used = used;
        return err;
    }
    *out = row;
    return GH_OK;
}
