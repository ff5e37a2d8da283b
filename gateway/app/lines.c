#include "app/lines.h"

static enum gh_err hand_out(struct slice text, bool (*line)(void *context, struct slice text),
                            void *context)
{
    return text.len == 0 || line(context, text) ? GH_OK : GH_RETRY;
}

static enum gh_err keep(struct lines *l, struct slice part)
{
    if (part.len > l->size - l->len)
        return GH_FULL;
    if (part.len > 0)
        memcpy(l->buffer + l->len, part.ptr, part.len);
    l->len += part.len;
    return GH_OK;
}

enum gh_err lines_feed(struct lines *l, struct slice bytes,
                       bool (*line)(void *context, struct slice text), void *context)
{
    while (bytes.len > 0) {
        const char *newline = memchr(bytes.ptr, '\n', bytes.len);
        struct slice part = {bytes.ptr, newline ? (size_t)(newline - bytes.ptr) : bytes.len};
        enum gh_err err = part.len > l->size - l->len ? GH_FULL : GH_OK;
        if (!err && (!newline || l->len > 0))
            err = keep(l, part);
        if (!err && newline) {
            /* A line that came in one piece is handed out where it lies. */
            struct slice whole = l->len > 0 ? slice_make(l->buffer, l->len) : part;
            l->len = 0;
            err = hand_out(whole, line, context);
        }
        if (err)
            return err;
        size_t taken = part.len + (newline ? 1 : 0);
        bytes = (struct slice){bytes.ptr + taken, bytes.len - taken};
    }
    return GH_OK;
}

enum gh_err lines_end(struct lines *l, bool (*line)(void *context, struct slice text),
                      void *context)
{
    struct slice rest = slice_make(l->buffer, l->len);
    l->len = 0;
    return hand_out(rest, line, context);
}
