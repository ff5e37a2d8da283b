/* What the tests of policy rows share: parsing one row, and what is wrong with it. */
#ifndef GATEHOUSE_TESTS_UNIT_ROW_JSON_FIXTURE_H
#define GATEHOUSE_TESTS_UNIT_ROW_JSON_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "adapters/json/row_json.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

static _Alignas(max_align_t) unsigned char memory[1 << 20];

struct parsed {
    enum gh_err err;
    struct policy_row row;
    struct arena arena;
    char why[ROW_WHY_MAX];
};

static inline struct parsed parse_bytes(const char *bytes, size_t len)
{
    struct parsed p = {.arena = {.base = memory, .size = sizeof memory}};
    memset(p.why, 'x', sizeof p.why);
    p.err = row_json_parse(&p.row, slice_make(bytes, len), &p.arena, p.why);
    assert_non_null(memchr(p.why, '\0', sizeof p.why));
    assert_null(strchr(p.why, '\n'));
    if (p.err)
        assert_int_equal(p.arena.used, 0);
    return p;
}

static inline struct parsed parse(const char *line)
{
    return parse_bytes(line, strlen(line));
}

/* {"k":KIND,"id":"x1","d":{FIELDS}} */
static inline struct parsed parse_fields(const char *kind, const char *fields)
{
    char line[4096];
    int n = snprintf(line, sizeof line, "{\"k\":\"%s\",\"id\":\"x1\",\"d\":{%s}}", kind, fields);
    assert_in_range(n, 1, sizeof line - 1);
    return parse(line);
}

static inline struct policy_row good(const char *kind, const char *fields)
{
    struct parsed p = parse_fields(kind, fields);
    if (p.err != GH_OK || p.why[0] != '\0')
        fail_msg("%s {%s}: refused: %s", kind, fields, p.why);
    assert_string_equal(row_kind_name(p.row.kind), kind);
    assert_string_equal(p.row.id.s, "x1");
    assert_false(p.row.inert);
    assert_false(p.row.removal);
    return p.row;
}

static inline void refused(const char *kind, const char *fields, const char *why)
{
    struct parsed p = parse_fields(kind, fields);
    if (p.err != GH_INVALID)
        fail_msg("%s {%s}: taken", kind, fields);
    char full[2 * ROW_WHY_MAX];
    (void)snprintf(full, sizeof full, "%s \"x1\": field %s", kind, why);
    assert_string_equal(p.why, full);
}

static inline void assert_ids(struct id_list list, size_t n, const char *const *ids)
{
    assert_int_equal(list.n, n);
    for (size_t i = 0; i < n; i++)
        assert_string_equal(list.v[i].s, ids[i]);
}

static inline void assert_unbounded(struct validity v)
{
    assert_true(v.from == INSTANT_NONE);
    assert_true(v.until == INSTANT_NONE);
}

#endif
