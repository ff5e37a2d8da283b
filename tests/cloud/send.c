#include "send.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PIECE = 32 * 1024, DRIP_MS = 1000 };

struct sending {
    struct answer answer;
    struct pace pace;
    int64_t next_ms; /* when the next byte may go, if it drips */
};

/* What stands behind the body of an endless answer, again and again. */
static void fill_endless(char *out, size_t most, const char *pattern, int64_t behind)
{
    size_t len = strlen(pattern);
    for (size_t i = 0; i < most; i++)
        out[i] = pattern[((size_t)behind + i) % len];
}

/* A fault: what is packed loses the end of its gzip stream. */
static void cut_gzip(struct answer *a)
{
    enum { TAIL = 8 };
    a->to = a->to - a->from > TAIL ? a->to - TAIL : a->from;
}

/* The first bytes have gone out: now the others, and then a fault may cut them. */
static bool add_rest(struct answer *a)
{
    struct rest *rest = a->rest;
    a->rest = NULL;
    bool good = rest->add(rest, &a->body) && !a->body.failed;
    rest->free(rest);
    a->to = (int64_t)a->body.len;
    if (a->cut_gzip)
        cut_gzip(a);
    return good;
}

static ssize_t read_piece(void *context, uint64_t pos, char *out, size_t most)
{
    struct sending *s = context;
    struct answer *a = &s->answer;
    int64_t at = a->from + (int64_t)pos;
    if (a->rest && at == a->to && !add_rest(a))
        return MHD_CONTENT_READER_END_WITH_ERROR;
    int64_t end = a->cut_at >= 0 && a->cut_at < a->to ? a->cut_at : a->to;
    bool endless = at >= end && a->endless && end == a->to;
    if (at >= end && !endless)
        return end < a->to ? MHD_CONTENT_READER_END_WITH_ERROR : MHD_CONTENT_READER_END_OF_STREAM;
    if (a->drip && now_mono_ms() < s->next_ms)
        return s->pace.pause(s->pace.context, s->next_ms) ? 0 : MHD_CONTENT_READER_END_WITH_ERROR;
    if (a->drip) {
        s->next_ms = now_mono_ms() + DRIP_MS;
        most = 1;
    }
    if (endless) {
        fill_endless(out, most, a->endless, at - end);
        return (ssize_t)most;
    }
    if ((int64_t)most > end - at)
        most = (size_t)(end - at);
    if (a->file < 0) {
        memcpy(out, a->body.at + at, most);
        return (ssize_t)most;
    }
    ssize_t got = pread(a->file, out, most, at);
    return got > 0 ? got : MHD_CONTENT_READER_END_WITH_ERROR;
}

static void sending_release(void *context)
{
    struct sending *s = context;
    if (s->answer.file >= 0)
        close(s->answer.file);
    if (s->answer.rest)
        s->answer.rest->free(s->answer.rest);
    text_free(&s->answer.body);
    free(s);
}

static void add_header(struct MHD_Response *response, const char *name, const char *value)
{
    if (MHD_add_response_header(response, name, value) != MHD_YES)
        fprintf(stderr, "http: no room for the header %s\n", name);
}

static void add_headers(struct MHD_Response *response, const struct answer *a)
{
    char text[96];
    add_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    if (a->type)
        add_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, a->type);
    if (a->gzip)
        add_header(response, MHD_HTTP_HEADER_CONTENT_ENCODING, "gzip");
    if (a->etag[0])
        add_header(response, MHD_HTTP_HEADER_ETAG, a->etag);
    if (a->location[0])
        add_header(response, MHD_HTTP_HEADER_LOCATION, a->location);
    if (a->status == MHD_HTTP_UNAUTHORIZED)
        add_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer");
    if (a->retry_after_s >= 0) {
        snprintf(text, sizeof text, "%lld", (long long)a->retry_after_s);
        add_header(response, MHD_HTTP_HEADER_RETRY_AFTER, text);
    }
    if (a->total > 0) {
        add_header(response, MHD_HTTP_HEADER_ACCEPT_RANGES, "bytes");
        snprintf(text, sizeof text, "bytes %lld-%lld/%lld", (long long)a->from,
                 (long long)a->to - 1, (long long)a->total);
        if (a->status == MHD_HTTP_RANGE_NOT_SATISFIABLE)
            snprintf(text, sizeof text, "bytes */%lld", (long long)a->total);
        if (a->status != MHD_HTTP_OK)
            add_header(response, MHD_HTTP_HEADER_CONTENT_RANGE, text);
    }
}

enum MHD_Result send_answer(struct MHD_Connection *connection, struct answer *answer,
                            struct pace pace)
{
    struct sending *s = malloc(sizeof *s);
    if (!s)
        return MHD_NO;
    *s = (struct sending){.answer = *answer, .pace = pace};
    *answer = (struct answer){.file = -1}; /* what it owned is ours now */
    struct answer *a = &s->answer;
    if (a->file < 0) {
        a->from = 0;
        a->to = (int64_t)a->body.len;
    }
    if (a->cut_gzip && !a->rest)
        cut_gzip(a);
    struct MHD_Response *response = MHD_create_response_from_callback(
        a->endless || a->rest ? MHD_SIZE_UNKNOWN : (uint64_t)(a->to - a->from), PIECE, read_piece, s,
        sending_release);
    if (!response) {
        sending_release(s);
        return MHD_NO;
    }
    add_headers(response, a);
    enum MHD_Result result = MHD_queue_response(connection, (unsigned)a->status, response);
    MHD_destroy_response(response);
    return result;
}
