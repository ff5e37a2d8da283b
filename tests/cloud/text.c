#include "text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static bool make_room(struct text *t, size_t more)
{
    if (t->failed || t->room - t->len >= more)
        return !t->failed;
    size_t room = t->room ? t->room : 256;
    while (room - t->len < more) {
        if (room > (size_t)-1 / 2) {
            t->failed = true;
            return false;
        }
        room *= 2;
    }
    char *at = realloc(t->at, room);
    if (!at) {
        t->failed = true;
        return false;
    }
    t->at = at;
    t->room = room;
    return true;
}

void text_add(struct text *t, const void *bytes, size_t len)
{
    if (len == 0 || !make_room(t, len))
        return;
    memcpy(t->at + t->len, bytes, len);
    t->len += len;
}

void text_addf(struct text *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0)
        t->failed = true;
    else if (make_room(t, (size_t)len + 1)) {
        vsnprintf(t->at + t->len, (size_t)len + 1, format, again);
        t->len += (size_t)len;
    }
    va_end(again);
}

void text_add_json(struct text *t, const char *s)
{
    text_add(t, "\"", 1);
    for (; *s; s++) {
        if (*s == '"' || *s == '\\')
            text_addf(t, "\\%c", *s);
        else if (*s < ' ' || *s > '~')
            text_add(t, "?", 1);
        else
            text_add(t, s, 1);
    }
    text_add(t, "\"", 1);
}

struct bytes text_bytes(const struct text *t)
{
    return (struct bytes){t->at, t->len};
}

void text_free(struct text *t)
{
    free(t->at);
    *t = (struct text){0};
}

bool bytes_line(struct bytes *rest, struct bytes *line)
{
    if (rest->len == 0)
        return false;
    const char *end = memchr(rest->at, '\n', rest->len);
    size_t len = end ? (size_t)(end - rest->at) : rest->len;
    *line = (struct bytes){rest->at, len};
    size_t used = end ? len + 1 : len;
    rest->at += used;
    rest->len -= used;
    return true;
}

bool bytes_equal(struct bytes a, const char *b)
{
    return a.len == strlen(b) && memcmp(a.at, b, a.len) == 0;
}

bool is_identifier(const char *s)
{
    size_t len = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-");
    return len >= 1 && len <= 64 && s[len] == '\0';
}

bool parse_number(const char *s, size_t len, long long most, long long *out)
{
    long long value = 0;
    if (len == 0 || len > 18)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (s[i] < '0' || s[i] > '9')
            return false;
        value = value * 10 + (s[i] - '0');
    }
    if (value > most)
        return false;
    *out = value;
    return true;
}

void format_instant(char out[32], int64_t unix_s)
{
    struct tm tm;
    time_t t = (time_t)unix_s;
    if (!gmtime_r(&t, &tm) || strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
        out[0] = '\0';
}

bool parse_instant(const char *s, int64_t *unix_s)
{
    struct tm tm = {0};
    char again[32];
    const char *end = strptime(s, "%Y-%m-%dT%H:%M:%SZ", &tm);
    if (!end || *end)
        return false;
    *unix_s = (int64_t)timegm(&tm);
    format_instant(again, *unix_s); /* strptime lets more pass than we do */
    return strcmp(again, s) == 0;
}
