#include "adapters/curl/gzip.h"

#include <limits.h>
#include <stdlib.h>

/* so that zlib takes its input as const */
#define ZLIB_CONST
#include <zlib.h>

#define GZIP_WINDOW (15 + 16) /* the largest window, in a gzip wrapper */
#define PIECE (16 * 1024)

enum mode {
    MODE_SNIFF,  /* the first bytes decide */
    MODE_PACKED, /* inside a gzip member */
    MODE_BETWEEN, /* behind a member: the end, or the next one begins */
    MODE_PLAIN,
};

struct gunzip {
    z_stream z;
    enum mode mode;
    bool begun;             /* a byte of a member was seen */
    unsigned char first;    /* while sniffing: the first byte */
    unsigned char n_first;
    unsigned char out[PIECE];
};

struct gunzip *gunzip_open(bool sniff)
{
    struct gunzip *g = calloc(1, sizeof *g);
    if (!g)
        return NULL;
    if (inflateInit2(&g->z, GZIP_WINDOW) != Z_OK) {
        free(g);
        return NULL;
    }
    g->mode = sniff ? MODE_SNIFF : MODE_PACKED;
    return g;
}

void gunzip_close(struct gunzip *g)
{
    if (!g)
        return;
    inflateEnd(&g->z);
    free(g);
}

bool gunzip_is_whole(const struct gunzip *g)
{
    if (g->mode == MODE_SNIFF)
        return g->n_first == 0;
    return g->mode != MODE_PACKED || !g->begun;
}

/* Unpacks len bytes of the member at hand, or of those that follow it. */
static enum gh_err unpack(struct gunzip *g, const unsigned char *bytes, unsigned len,
                          bool (*piece)(void *context, struct slice bytes), void *context)
{
    g->z.next_in = bytes;
    g->z.avail_in = len;
    bool room_was_full = false;
    while (g->z.avail_in > 0 || room_was_full) {
        if (g->mode == MODE_BETWEEN) {
            if (inflateReset(&g->z) != Z_OK)
                return GH_CORRUPT;
            g->mode = MODE_PACKED;
        }
        g->begun = true;
        g->z.next_out = g->out;
        g->z.avail_out = PIECE;
        int result = inflate(&g->z, Z_SYNC_FLUSH);
        if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR)
            return GH_CORRUPT;
        size_t got = PIECE - g->z.avail_out;
        if (got > 0 && !piece(context, slice_make(g->out, got)))
            return GH_RETRY;
        if (result == Z_STREAM_END)
            g->mode = MODE_BETWEEN;
        room_was_full = result == Z_OK && g->z.avail_out == 0;
        if (result == Z_BUF_ERROR && got == 0)
            break; /* all of it is taken in, and nothing more comes out */
    }
    return GH_OK;
}

static enum gh_err pass(struct gunzip *g, const unsigned char *bytes, size_t len,
                        bool (*piece)(void *context, struct slice bytes), void *context)
{
    while (len > 0) {
        size_t part = len;
        enum gh_err err = GH_OK;
        if (g->mode == MODE_PLAIN) {
            part = part < PIECE ? part : PIECE;
            err = piece(context, slice_make(bytes, part)) ? GH_OK : GH_RETRY;
        } else {
            part = part < INT_MAX ? part : INT_MAX;
            err = unpack(g, bytes, (unsigned)part, piece, context);
        }
        if (err)
            return err;
        bytes += part;
        len -= part;
    }
    return GH_OK;
}

enum gh_err gunzip_feed(struct gunzip *g, struct slice bytes,
                        bool (*piece)(void *context, struct slice bytes), void *context)
{
    const unsigned char *at = (const unsigned char *)bytes.ptr;
    size_t len = bytes.len;
    if (g->mode != MODE_SNIFF || len == 0)
        return pass(g, at, len, piece, context);
    if (g->n_first == 0) {
        /* A text never begins with 0x1f, so one byte mostly decides. */
        if (at[0] != 0x1f) {
            g->mode = MODE_PLAIN;
            return pass(g, at, len, piece, context);
        }
        g->first = *at++;
        g->n_first = 1;
        if (--len == 0)
            return GH_OK;
    }
    g->mode = *at == 0x8b ? MODE_PACKED : MODE_PLAIN;
    enum gh_err err = pass(g, &g->first, 1, piece, context);
    return err ? err : pass(g, at, len, piece, context);
}

unsigned char *gzip_pack(struct slice bytes, size_t *len)
{
    z_stream z = {0};
    if (bytes.len > INT_MAX ||
        deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_WINDOW, 8,
                     Z_DEFAULT_STRATEGY) != Z_OK)
        return NULL;
    uLong bound = deflateBound(&z, bytes.len);
    unsigned char *out = bound < INT_MAX ? malloc(bound) : NULL;
    if (out) {
        z.next_in = (const Bytef *)bytes.ptr;
        z.avail_in = (uInt)bytes.len;
        z.next_out = out;
        z.avail_out = (uInt)bound;
        int result = deflate(&z, Z_FINISH);
        *len = z.total_out;
        if (result != Z_STREAM_END) {
            free(out);
            out = NULL;
        }
    }
    deflateEnd(&z);
    return out;
}
