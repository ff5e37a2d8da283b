/* Lists in policy rows. What they hold is taken from the row's arena; where a
 * list is to go is zero, which is the empty list. */
#include "row_field.h"

#include <stdio.h>

#include "strict.h"

enum gh_err field_ids(struct row_reader *r, const struct field *f, const json_t *v, void *at)
{
    size_t n = json_array_size(v);
    if (!field_is_absent(v) && !json_is_array(v))
        return row_refuse(r, f, "must be a list of ids");
    if (n == 0)
        return GH_OK;
    struct id *ids = arena_take(r->arena, n, sizeof *ids);
    if (!ids)
        return GH_FULL;
    for (size_t i = 0; i < n; i++)
        if (id_set(&ids[i], strict_text(json_array_get(v, i))))
            return row_refuse(r, f, "must be a list of ids: entry %zu is none", i + 1);
    *(struct id_list *)at = (struct id_list){ids, n};
    return GH_OK;
}

/* --- words ----------------------------------------------------------------- */

bool row_word_is_valid(struct slice text)
{
    if (text.len < 1 || text.len > POLICY_WORD_MAX)
        return false;
    unsigned char before = 0;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        /* C1 controls are the only characters that start with c2 80 to c2 9f. */
        if (c < 0x20 || c == 0x7f || (before == 0xc2 && c < 0xa0))
            return false;
        before = c;
    }
    return true;
}

/* The number of the first entry that is no word, from 1 on; 0 if all are. */
static size_t find_no_word(const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (!row_word_is_valid(strict_text(json_array_get(list, i))))
            return i + 1;
    return 0;
}

/* Copies a list whose entries are all words. */
static enum gh_err take_words(struct row_reader *r, const json_t *list, struct word_list *out)
{
    size_t n = json_array_size(list), bytes = 0;
    if (n == 0)
        return GH_OK;
    for (size_t i = 0; i < n; i++)
        bytes += json_string_length(json_array_get(list, i)) + 1;
    const char **words = arena_take(r->arena, n, sizeof *words);
    char *text = arena_take(r->arena, bytes, 1);
    if (!words || !text)
        return GH_FULL;
    for (size_t i = 0; i < n; i++) {
        struct slice word = strict_text(json_array_get(list, i));
        memcpy(text, word.ptr, word.len); /* what follows it is zero */
        words[i] = text;
        text += word.len + 1;
    }
    *out = (struct word_list){words, n};
    return GH_OK;
}

enum gh_err field_words(struct row_reader *r, const struct field *f, const json_t *v, void *at)
{
    if (!field_is_absent(v) && !json_is_array(v))
        return row_refuse(r, f, "must be a list of " ROW_WORDS_RULE, POLICY_WORD_MAX);
    size_t entry = find_no_word(v);
    if (entry)
        return row_refuse(r, f, "must be a list of " ROW_WORDS_RULE ": entry %zu is none",
                          POLICY_WORD_MAX, entry);
    return take_words(r, v, at);
}

/* --- types ----------------------------------------------------------------- */

static enum gh_err parse_type_rule(struct row_reader *r, const struct field *f, size_t entry,
                                   const json_t *v, struct type_rule *out)
{
    struct slice type = strict_text(json_object_get(v, "type"));
    const json_t *statuses = json_object_get(v, "statuses");
    if (!json_is_object(v))
        return row_refuse(r, f, "must be a list of {type, statuses}: entry %zu is none", entry);
    if (!row_word_is_valid(type))
        return row_refuse(r, f, "entry %zu: type must be " ROW_WORD_RULE, entry, POLICY_WORD_MAX);
    if ((!field_is_absent(statuses) && !json_is_array(statuses)) || find_no_word(statuses))
        return row_refuse(r, f, "entry %zu: statuses must be null or a list of " ROW_WORDS_RULE,
                          entry, POLICY_WORD_MAX);
    char *text = arena_take(r->arena, type.len + 1, 1);
    if (!text)
        return GH_FULL;
    memcpy(text, type.ptr, type.len);
    out->type = text;
    return take_words(r, statuses, &out->statuses);
}

enum gh_err row_types_parse(struct row_reader *r, const struct field *f, const json_t *v,
                            const struct type_rule **types, size_t *n_types)
{
    size_t n = json_array_size(v);
    if (!field_is_absent(v) && !json_is_array(v))
        return row_refuse(r, f, "must be a list of {type, statuses}");
    if (n == 0)
        return GH_OK;
    struct type_rule *rules = arena_take(r->arena, n, sizeof *rules);
    if (!rules)
        return GH_FULL;
    for (size_t i = 0; i < n; i++) {
        enum gh_err err = parse_type_rule(r, f, i + 1, json_array_get(v, i), &rules[i]);
        if (err)
            return err;
    }
    *types = rules;
    *n_types = n;
    return GH_OK;
}

/* --- floors ---------------------------------------------------------------- */

#define FLOOR_MIN (-999)
#define FLOOR_MAX 9999

/* A number gets a mark that no id can have. */
static bool set_floor(struct id *out, const json_t *v)
{
    if (!json_is_integer(v))
        return id_set(out, strict_text(v)) == GH_OK;
    json_int_t n = json_integer_value(v);
    if (n < FLOOR_MIN || n > FLOOR_MAX)
        return false;
    (void)snprintf(out->s, sizeof out->s, "#%d", (int)n);
    return true;
}

enum gh_err field_floors(struct row_reader *r, const struct field *f, const json_t *v, void *at)
{
    size_t n = json_array_size(v);
    if (!field_is_absent(v) && !json_is_array(v))
        return row_refuse(r, f, "must be a list of ids and whole numbers from %d to %d", FLOOR_MIN,
                          FLOOR_MAX);
    if (n > POLICY_FLOORS_MAX)
        return row_refuse(r, f, "has %zu floors: at most %d are allowed", n, POLICY_FLOORS_MAX);
    if (n == 0)
        return GH_OK;
    struct id *floors = arena_take(r->arena, n, sizeof *floors);
    if (!floors)
        return GH_FULL;
    for (size_t i = 0; i < n; i++)
        if (!set_floor(&floors[i], json_array_get(v, i)))
            return row_refuse(r, f,
                              "must be a list of ids and whole numbers from %d to %d: entry %zu "
                              "is none",
                              FLOOR_MIN, FLOOR_MAX, i + 1);
    *(struct id_list *)at = (struct id_list){floors, n};
    return GH_OK;
}
