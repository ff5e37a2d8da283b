/* Fields of policy rows: what a field is called, what it may hold, where it
 * goes, and which of its values this version evaluates. The tables are in
 * row_tables.c; the parsers of the field types are in row_field.c. */
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

/* Checks v and puts what it holds at `at`, which is NULL if the field is not
 * kept. v is NULL when the field is absent and JSON null when it is null; both
 * give the default, save where a type says otherwise. GH_INVALID with why,
 * GH_FULL. */
typedef enum gh_err field_parse(struct row_reader *r, const struct field *f, const json_t *v,
                                void *at);

/* A bit for each value of a switch (0 = false, 1 = true) or index into words;
 * 0 stands for all of them. */
typedef unsigned field_value_set;
#define FIELD_VALUE(i) (1u << (i))

struct field {
    const char *name;
    field_parse *parse;
    size_t offset;              /* in the struct of the row's kind; if kept */
    long def;                   /* integer, switch or index into words */
    long min, max;              /* integer */
    const char *const *words;   /* NULL at the end */
    const struct field *fields; /* object: fields of its own */
    size_t n_fields;
    field_value_set evaluated;  /* switch, word: any other is refused as not evaluated */
    bool only_default;          /* integer: any other is refused as not evaluated */
    bool required;
    bool kept;
};

struct row_table {
    const char *kind;
    const struct field *fields;
    size_t n_fields;
    /* What one field alone cannot decide; may be NULL. d is the row's "d". */
    enum gh_err (*finish)(struct row_reader *r, const json_t *d, struct policy_row *row);
    enum row_kind row_kind;
    bool evaluated;    /* false: rows of this kind are refused; only kind is set */
    bool only_permits; /* an unknown name in crit makes it inert instead of refused */
};

/* All kinds of the contract. NULL if there is none of that name. */
const struct row_table *row_table_find(struct slice kind);

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

/* Types that are always kept. */
field_parse field_label;   /* char[POLICY_NAME_MAX + 1], cut at a character if longer */
field_parse field_zone;    /* char[TZ_NAME_MAX + 1]; empty if absent */
field_parse field_id;      /* struct id; none if absent */
field_parse field_ids;     /* struct id_list; empty if absent */
field_parse field_instant; /* int64_t; INSTANT_NONE if absent */
field_parse field_date;    /* struct date; all zero if absent */
field_parse field_calendar; /* struct id; "default" if absent */
field_parse field_limit;   /* int, min..max; -1 if null */
/* Types that may be kept. */
field_parse field_switch; /* bool; null is refused */
field_parse field_int;    /* int, min..max */
field_parse field_word;   /* an enum: the index into words */
/* Types that are only checked. */
field_parse field_text;         /* a text */
field_parse field_texts;        /* a list of texts */
field_parse field_unset;        /* null or an empty list; all else is refused as not evaluated */
/* An object with fields of its own, whose offsets count from the same base. */
field_parse field_object;

#endif
