/* Fields of policy rows: what a field is called, what it may hold and where it
 * goes. The tables of fields are in row_site.c, row_people.c, row_time.c,
 * row_rights.c and row_modes.c; row_tables.c lists the kinds. The parsers of
 * single values are in row_field.c, those of lists in row_list.c. */
#ifndef GATEHOUSE_ADAPTERS_JSON_ROW_FIELD_H
#define GATEHOUSE_ADAPTERS_JSON_ROW_FIELD_H

#include <jansson.h>

#include "core/arena.h"
#include "core/policy.h"

/* The row being read, for error lines and lists. */
struct row_reader {
    const char *kind;
    const char *id;
    const char *within; /* the field that holds the field being read; NULL at the top */
    struct arena *arena;
    char *why; /* ROW_WHY_MAX bytes */
};

struct field;

/* Checks v and puts what it holds at `at`, which is zeroed memory, or NULL if the
 * field is not kept. v is NULL when the field is absent and JSON null when it is null; both
 * give the default, save where a type says otherwise. GH_INVALID with why,
 * GH_FULL. */
typedef enum gh_err field_parse(struct row_reader *r, const struct field *f, const json_t *v,
                                void *at);

struct field {
    const char *name;
    field_parse *parse;
    size_t offset;              /* in what holds the field: the struct of the row's kind,
                                   or what the object's own offset leads to */
    long def;                   /* number, switch or index into choices */
    long min, max;              /* number */
    const char *const *choices; /* NULL at the end */
    const struct field *fields; /* object: fields of its own */
    size_t n_fields;
    bool required; /* null is missing, too */
    bool kept;
};

struct row_table {
    enum row_kind kind;
    const struct field *fields;
    size_t n_fields;
    /* What one field alone cannot decide; may be NULL. d is the row's "d". */
    enum gh_err (*finish)(struct row_reader *r, const json_t *d, struct policy_row *row);
    bool only_permits; /* an unknown name in crit makes it inert instead of refused */
};

/* All kinds of the contract. */
const struct row_table *row_table_of(enum row_kind kind);

/* Reads the fields of an object (NULL = all of them absent). base is what the
 * offsets count from. */
GH_MUST_CHECK enum gh_err row_fields_parse(struct row_reader *r, const struct field *fields,
                                           size_t n_fields, const json_t *object, void *base);

/* Fills why and returns GH_INVALID. The line starts with kind, id and field. */
__attribute__((format(printf, 3, 4))) enum gh_err row_refuse(struct row_reader *r,
                                                             const struct field *f,
                                                             const char *format, ...);

/* True if v is NULL or JSON null. */
static inline bool field_is_absent(const json_t *v)
{
    return !v || json_is_null(v);
}

/* "HH:MM", 00:00 to 24:00, as minutes after midnight. False if v is no such text. */
bool row_minute_parse(const json_t *v, int *out);

/* True if the text may be a person's type, status or tag: 1..POLICY_WORD_MAX
 * bytes, no control character. */
bool row_word_is_valid(struct slice text);
/* For error lines; they take POLICY_WORD_MAX. */
#define ROW_WORD_RULE "a text of 1 to %d bytes without control characters"
#define ROW_WORDS_RULE "texts of 1 to %d bytes without control characters"

/* Single values. */
field_parse field_label;    /* char[POLICY_NAME_MAX + 1], cut at a character if longer */
field_parse field_zone;     /* char[TZ_NAME_MAX + 1]; empty if absent */
field_parse field_id;       /* struct id; none if absent */
field_parse field_calendar; /* struct id; "default" if absent */
field_parse field_word;     /* char[POLICY_WORD_MAX + 1]; empty if absent or "" */
field_parse field_instant;  /* int64_t; INSTANT_NONE if absent; may be only checked */
field_parse field_date;     /* struct date; all zero if absent */
field_parse field_switch;   /* bool; null is refused */
field_parse field_int;      /* int, min..max */
field_parse field_limit;    /* int, min..max; -1 if null */
field_parse field_real;     /* double, min..max; a whole number is one, too */
field_parse field_choice;   /* an enum: the index into choices */
field_parse field_either;   /* bool: the index into two choices */
field_parse field_object;   /* has fields of its own; all absent if it is */
field_parse field_where;    /* struct policy_where; nowhere if absent */
/* Only checked, never kept. */
field_parse field_text;
field_parse field_texts; /* a list of texts */

/* Lists; null is an empty list. */
field_parse field_ids;    /* struct id_list */
field_parse field_words;  /* struct word_list; each of 1..POLICY_WORD_MAX bytes */
field_parse field_floors; /* struct id_list; see POLICY_FLOORS_MAX */

/* A list of {type, statuses}; *types and *n_types are left alone if it is empty. */
GH_MUST_CHECK enum gh_err row_types_parse(struct row_reader *r, const struct field *f,
                                          const json_t *v, const struct type_rule **types,
                                          size_t *n_types);

#endif
