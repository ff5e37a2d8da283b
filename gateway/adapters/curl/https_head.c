#include "adapters/curl/https_head.h"

#include <strings.h>

void https_head_begin(struct https_head *head)
{
    *head = (struct https_head){.retry_after_s = -1, .range_from = -1};
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* If the line is "name: value": the value, without spaces around it. */
static bool value_of(struct slice line, const char *name, struct slice *value)
{
    size_t n = strlen(name);
    if (line.len <= n || strncasecmp(line.ptr, name, n) != 0 || line.ptr[n] != ':')
        return false;
    struct slice v = {line.ptr + n + 1, line.len - n - 1};
    while (v.len > 0 && is_space(v.ptr[0])) {
        v.ptr++;
        v.len--;
    }
    while (v.len > 0 && is_space(v.ptr[v.len - 1]))
        v.len--;
    *value = v;
    return true;
}

/* The whole number that the slice begins with; its digits are taken off. */
static bool take_number(struct slice *v, int64_t *out)
{
    int64_t n = 0;
    size_t i = 0;
    while (i < v->len && v->ptr[i] >= '0' && v->ptr[i] <= '9') {
        if (i == 18)
            return false;
        n = n * 10 + (v->ptr[i++] - '0');
    }
    if (i == 0)
        return false;
    *v = (struct slice){v->ptr + i, v->len - i};
    *out = n;
    return true;
}

static void set_retry_after(struct https_head *head, struct slice v)
{
    int64_t n;
    if (take_number(&v, &n) && v.len == 0)
        head->retry_after_s = n < HTTPS_RETRY_AFTER_MAX_S ? n : HTTPS_RETRY_AFTER_MAX_S;
}

/* "bytes 100-199/200" */
static void set_range(struct https_head *head, struct slice v)
{
    int64_t n;
    if (v.len < 6 || strncasecmp(v.ptr, "bytes ", 6) != 0)
        return;
    v = (struct slice){v.ptr + 6, v.len - 6};
    if (take_number(&v, &n) && v.len > 0 && v.ptr[0] == '-')
        head->range_from = n;
}

static void set_coding(struct https_head *head, struct slice v)
{
    if (v.len == 4 && strncasecmp(v.ptr, "gzip", 4) == 0)
        head->gzip = true;
    else if (v.len != 0 && !(v.len == 8 && strncasecmp(v.ptr, "identity", 8) == 0))
        head->unknown_coding = true;
}

void https_head_line(struct https_head *head, struct slice line)
{
    struct slice v;
    if (line.len >= 5 && memcmp(line.ptr, "HTTP/", 5) == 0) {
        https_head_begin(head);
    } else if (value_of(line, "Retry-After", &v)) {
        set_retry_after(head, v);
    } else if (value_of(line, "Content-Range", &v)) {
        set_range(head, v);
    } else if (value_of(line, "Content-Encoding", &v)) {
        set_coding(head, v);
    } else if (value_of(line, "ETag", &v)) {
        head->etag[0] = '\0';
        if (v.len < sizeof head->etag && !memchr(v.ptr, '\0', v.len)) {
            memcpy(head->etag, v.ptr, v.len);
            head->etag[v.len] = '\0';
        }
    }
}
