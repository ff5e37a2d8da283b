#include "core/ini.h"

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static struct slice trim(struct slice s)
{
    while (s.len > 0 && is_space(s.ptr[0]))
        s = slice_make(s.ptr + 1, s.len - 1);
    while (s.len > 0 && is_space(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

static struct slice take_line(struct ini_walk *walk)
{
    struct slice line = slice_cut(&walk->rest, '\n');
    walk->number++;
    return trim(line);
}

static bool is_bad_text(struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.ptr[i] < ' ' && s.ptr[i] != '\t')
            return true;
    return false;
}

static void parse_line(struct slice line, struct ini_line *out)
{
    out->what = INI_BAD;
    if (is_bad_text(line))
        return;
    if (line.ptr[0] == '[') {
        if (line.ptr[line.len - 1] != ']')
            return;
        out->name = trim(slice_make(line.ptr + 1, line.len - 2));
        if (out->name.len > 0)
            out->what = INI_SECTION;
        return;
    }
    const char *eq = memchr(line.ptr, '=', line.len);
    if (!eq)
        return;
    size_t before = (size_t)(eq - line.ptr);
    out->name = trim(slice_make(line.ptr, before));
    out->value = trim(slice_make(eq + 1, line.len - before - 1));
    if (out->name.len > 0)
        out->what = INI_ENTRY;
}

bool ini_next(struct ini_walk *walk, struct ini_line *out)
{
    while (walk->rest.len > 0) {
        struct slice line = take_line(walk);
        if (line.len == 0 || line.ptr[0] == '#' || line.ptr[0] == ';')
            continue;
        *out = (struct ini_line){.number = walk->number};
        parse_line(line, out);
        return true;
    }
    return false;
}
