#include "app/issued.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"

#define WORDS 7

static const char head[] =
    "# The accounts of this box's broker: KIND ID HOW SERIAL SINCE UNTIL STATE\n"
    "# Written by gatehousectl, and only by it.\n";

static const char *const kinds[ISSUED_KINDS] = {[ISSUED_READER] = "reader",
                                                [ISSUED_PANEL] = "panel"};
static const char *const hows[] = {[ISSUED_CERTIFICATE] = "certificate",
                                   [ISSUED_PASSWORD] = "password"};

const char *issued_kind_name(enum issued_kind kind)
{
    return kinds[kind];
}

const char *issued_how_name(enum issued_how how)
{
    return hows[how];
}

void issued_account_name(char out[ISSUED_NAME_MAX], enum issued_kind kind, const struct id *id)
{
    snprintf(out, ISSUED_NAME_MAX, "%s%s", kind == ISSUED_PANEL ? "@panel/" : "", id->s);
}

/* --- parsing ------------------------------------------------------------------------------ */

static bool take_kind(struct issued_entry *e, struct slice word)
{
    for (int i = 0; i < ISSUED_KINDS; i++) {
        if (!slice_is(word, kinds[i]))
            continue;
        e->kind = (enum issued_kind)i;
        return true;
    }
    return false;
}

static bool take_how(struct issued_entry *e, struct slice word)
{
    e->how = slice_is(word, hows[ISSUED_PASSWORD]) ? ISSUED_PASSWORD : ISSUED_CERTIFICATE;
    return slice_is(word, hows[e->how]);
}

static bool take_serial(struct issued_entry *e, struct slice word)
{
    if (e->how == ISSUED_PASSWORD)
        return slice_is(word, "-");
    if (word.len == 0 || word.len >= ISSUED_SERIAL_TEXT)
        return false;
    for (size_t i = 0; i < word.len; i++)
        if (!strchr("0123456789abcdef", word.ptr[i]) || !word.ptr[i])
            return false;
    memcpy(e->serial, word.ptr, word.len);
    e->serial[word.len] = '\0';
    return true;
}

static bool take_until(struct issued_entry *e, struct slice word)
{
    if (e->how == ISSUED_PASSWORD)
        return slice_is(word, "-");
    return instant_parse(&e->until, word) == GH_OK;
}

static bool take_state(struct issued_entry *e, struct slice word)
{
    if (slice_is(word, "live"))
        e->state = ISSUED_LIVE;
    else if (slice_is(word, "unfinished"))
        e->state = ISSUED_UNFINISHED;
    else if (instant_parse(&e->revoked_at, word) == GH_OK)
        e->state = ISSUED_REVOKED;
    else
        return false;
    return true;
}

static bool parse_line(struct issued_entry *out, struct slice line)
{
    struct issued_entry e = {.kind = ISSUED_READER};
    struct slice word[WORDS];
    for (int i = 0; i < WORDS - 1; i++)
        word[i] = slice_cut(&line, ' ');
    word[WORDS - 1] = line;
    if (!take_kind(&e, word[0]) || id_set(&e.id, word[1]) != GH_OK || !take_how(&e, word[2]) ||
        !take_serial(&e, word[3]) || instant_parse(&e.since, word[4]) != GH_OK ||
        !take_until(&e, word[5]) || !take_state(&e, word[6]))
        return false;
    *out = e;
    return true;
}

enum gh_err issued_parse(struct issued *out, struct slice text, int *line)
{
    struct issued issued = {0};
    enum gh_err err = GH_OK;
    int number = 0;
    while (text.len > 0 && !err) {
        struct issued_entry entry;
        struct slice at = slice_cut(&text, '\n');
        number++;
        if (at.len == 0 || at.ptr[0] == '#')
            continue;
        if (!parse_line(&entry, at))
            err = GH_CORRUPT;
        else if (entry.state != ISSUED_REVOKED && issued_find(&issued, entry.kind, &entry.id))
            err = GH_CORRUPT;
        else
            err = issued_add(&issued, &entry);
    }
    if (err) {
        *line = number;
        issued_free(&issued);
        return err == GH_FULL ? GH_CORRUPT : err;
    }
    *out = issued;
    return GH_OK;
}

/* --- printing ------------------------------------------------------------------------------ */

static void print_entry(FILE *f, const struct issued_entry *e)
{
    char since[INSTANT_TEXT], until[INSTANT_TEXT] = "-", state[INSTANT_TEXT] = "live";
    instant_format(since, e->since);
    if (e->how == ISSUED_CERTIFICATE)
        instant_format(until, e->until);
    if (e->state == ISSUED_REVOKED)
        instant_format(state, e->revoked_at);
    else if (e->state == ISSUED_UNFINISHED)
        snprintf(state, sizeof state, "unfinished");
    fprintf(f, "%s %s %s %s %s %s %s\n", kinds[e->kind], e->id.s, hows[e->how],
            e->serial[0] ? e->serial : "-", since, until, state);
}

char *issued_print(const struct issued *issued, size_t *len)
{
    char *text = NULL;
    FILE *f = open_memstream(&text, len);
    if (!f)
        return NULL;
    fputs(head, f);
    for (size_t i = 0; i < issued->n; i++)
        print_entry(f, &issued->entry[i]);
    bool good = !ferror(f);
    if (fclose(f) == 0 && good)
        return text;
    free(text);
    return NULL;
}

/* --- entries -------------------------------------------------------------------------------- */

void issued_free(struct issued *issued)
{
    free(issued->entry);
    *issued = (struct issued){0};
}

struct issued_entry *issued_find(const struct issued *issued, enum issued_kind kind,
                                 const struct id *id)
{
    for (size_t i = 0; i < issued->n; i++) {
        struct issued_entry *e = &issued->entry[i];
        if (e->state != ISSUED_REVOKED && e->kind == kind && id_equal(&e->id, id))
            return e;
    }
    return NULL;
}

enum gh_err issued_add(struct issued *issued, const struct issued_entry *entry)
{
    if (issued->n == ISSUED_MAX)
        return GH_FULL;
    if (issued->n == issued->room) {
        size_t room = issued->room ? 2 * issued->room : 64;
        struct issued_entry *more = realloc(issued->entry, room * sizeof *more);
        if (!more)
            return GH_IO;
        issued->entry = more;
        issued->room = room;
    }
    issued->entry[issued->n++] = *entry;
    return GH_OK;
}
