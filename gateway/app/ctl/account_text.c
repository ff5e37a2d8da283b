#include "app/ctl/account_text.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#define ACL_LINE                                                                                   \
    "# --- panels: gatehousectl writes everything from here to the end; what you add below is lost"

/* --- accounts ------------------------------------------------------------------------------- */

static struct slice trim(struct slice s)
{
    while (s.len > 0 && isspace((unsigned char)s.ptr[0]))
        s = slice_make(s.ptr + 1, s.len - 1);
    while (s.len > 0 && isspace((unsigned char)s.ptr[s.len - 1]))
        s.len--;
    return s;
}

/* mosquitto takes what stands between colons, however many, and drops blanks around it; a line
 * that begins with # is a comment. */
static bool parse(struct slice line, struct slice *name, struct slice *hash)
{
    if (line.len == 0 || line.ptr[0] == '#' || !memchr(line.ptr, ':', line.len))
        return false;
    while (line.len > 0 && line.ptr[0] == ':')
        line = slice_make(line.ptr + 1, line.len - 1);
    *name = trim(slice_cut(&line, ':'));
    while (line.len > 0 && line.ptr[0] == ':')
        line = slice_make(line.ptr + 1, line.len - 1);
    *hash = trim(slice_cut(&line, ':'));
    return true;
}

bool accounts_find(struct slice text, const char *name, struct slice *hash)
{
    while (text.len > 0) {
        struct slice at, is;
        if (!parse(slice_cut(&text, '\n'), &at, &is) || !slice_is(at, name))
            continue;
        if (hash)
            *hash = is;
        return true;
    }
    return false;
}

void accounts_each(struct slice text, void (*each)(void *context, struct slice name), void *context)
{
    while (text.len > 0) {
        struct slice name, hash;
        if (parse(slice_cut(&text, '\n'), &name, &hash))
            each(context, name);
    }
}

static void print_others(FILE *f, struct slice text, const char *name)
{
    while (text.len > 0) {
        struct slice line = slice_cut(&text, '\n'), at, hash;
        if (parse(line, &at, &hash) && slice_is(at, name))
            continue;
        fwrite(line.ptr, 1, line.len, f);
        fputc('\n', f);
    }
}

static char *finish(FILE *f, char **text)
{
    bool good = !ferror(f);
    if (fclose(f) == 0 && good)
        return *text;
    free(*text);
    return NULL;
}

char *accounts_set(struct slice text, const char *name, const char *hash, size_t *len)
{
    char *out = NULL;
    FILE *f = open_memstream(&out, len);
    if (!f)
        return NULL;
    print_others(f, text, name);
    fprintf(f, "%s:%s\n", name, hash);
    return finish(f, &out);
}

char *accounts_remove(struct slice text, const char *name, size_t *len)
{
    char *out = NULL;
    FILE *f = open_memstream(&out, len);
    if (!f)
        return NULL;
    print_others(f, text, name);
    return finish(f, &out);
}

/* --- acl ------------------------------------------------------------------------------------- */

struct slice acl_base(struct slice text)
{
    struct slice rest = text;
    while (rest.len > 0) {
        size_t at = text.len - rest.len;
        if (slice_is(slice_cut(&rest, '\n'), ACL_LINE))
            return slice_make(text.ptr, at);
    }
    return text;
}

char *acl_compose(struct slice base, const struct issued *issued, size_t *len)
{
    char *out = NULL;
    FILE *f = open_memstream(&out, len);
    if (!f)
        return NULL;
    fwrite(base.ptr, 1, base.len, f);
    if (base.len > 0 && base.ptr[base.len - 1] != '\n')
        fputc('\n', f);
    fputs(ACL_LINE "\n", f);
    for (size_t i = 0; i < issued->n; i++) {
        const struct issued_entry *e = &issued->entry[i];
        char name[ISSUED_NAME_MAX];
        if (e->kind != ISSUED_PANEL || e->state == ISSUED_REVOKED)
            continue;
        issued_account_name(name, e->kind, &e->id);
        fprintf(f,
                "user %s\n"
                "topic deny gatehouse/v1/readers/#\n"
                "topic write gatehouse/v1/panels/%s/command\n"
                "topic read gatehouse/v1/panels/%s/result\n"
                "topic read gatehouse/v1/doors/+/state\n"
                "topic read gatehouse/v1/gateway/status\n",
                name, e->id.s, e->id.s);
    }
    return finish(f, &out);
}
