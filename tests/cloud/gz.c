#include "gz.h"

#include <string.h>

enum { GZIP_WINDOW = 15 + 16, PIECE = 32 * 1024 };

void gz_begin(struct gz *g, struct text *out, bool compress)
{
    *g = (struct gz){.out = out, .plain = !compress};
    /* The fastest level: policy rows shrink about tenfold even so. */
    if (compress &&
        deflateInit2(&g->z, Z_BEST_SPEED, Z_DEFLATED, GZIP_WINDOW, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        out->failed = true;
}

static void deflate_all(struct gz *g, int flush)
{
    unsigned char piece[PIECE];
    do {
        g->z.next_out = piece;
        g->z.avail_out = PIECE;
        if (deflate(&g->z, flush) == Z_STREAM_ERROR) {
            g->out->failed = true;
            return;
        }
        text_add(g->out, piece, PIECE - g->z.avail_out);
    } while (g->z.avail_out == 0);
}

void gz_write(struct gz *g, const void *bytes, size_t len)
{
    if (g->plain) {
        text_add(g->out, bytes, len);
        return;
    }
    while (len > 0 && !g->out->failed) {
        size_t part = len < (1u << 30) ? len : (1u << 30);
        g->z.next_in = bytes;
        g->z.avail_in = (uInt)part;
        deflate_all(g, Z_NO_FLUSH);
        bytes = (const char *)bytes + part;
        len -= part;
    }
}

void gz_flush(struct gz *g)
{
    if (g->plain || g->out->failed)
        return;
    g->z.avail_in = 0;
    deflate_all(g, Z_SYNC_FLUSH);
}

void gz_end(struct gz *g)
{
    if (g->plain)
        return;
    if (!g->out->failed) {
        g->z.avail_in = 0;
        deflate_all(g, Z_FINISH);
    }
    deflateEnd(&g->z);
}

enum gunzip_result gunzip(struct bytes in, size_t most, struct text *out)
{
    unsigned char piece[PIECE];
    z_stream z = {0};
    if (in.len > (1u << 30) || inflateInit2(&z, GZIP_WINDOW) != Z_OK)
        return GUNZIP_BAD;
    z.next_in = (const unsigned char *)in.at;
    z.avail_in = (uInt)in.len;
    enum gunzip_result result = GUNZIP_OK;
    int step = Z_OK;
    while (step == Z_OK && result == GUNZIP_OK) {
        z.next_out = piece;
        z.avail_out = PIECE;
        step = inflate(&z, Z_NO_FLUSH);
        size_t got = PIECE - z.avail_out;
        if (got > most - out->len)
            result = GUNZIP_TOO_LARGE;
        else
            text_add(out, piece, got);
    }
    if (result == GUNZIP_OK && (step != Z_STREAM_END || z.avail_in != 0 || out->failed))
        result = GUNZIP_BAD;
    inflateEnd(&z);
    if (result != GUNZIP_OK)
        text_free(out);
    return result;
}
