/* gzip, both ways. The bytes depend on the input alone (no time, no name). */
#ifndef CLOUD_GZ_H
#define CLOUD_GZ_H

#define ZLIB_CONST /* next_in is const */
#include <zlib.h>

#include "text.h"

/* Writes into a text, compressed or as it is. */
struct gz {
    struct text *out;
    bool plain;
    z_stream z;
};

/* out is borrowed until gz_end. With compress false the bytes pass unchanged.
 * After a failure out->failed is set; gz_end must be called in any case. */
void gz_begin(struct gz *g, struct text *out, bool compress);
void gz_write(struct gz *g, const void *bytes, size_t len);
/* What was written so far can be unpacked by who has it. */
void gz_flush(struct gz *g);
void gz_end(struct gz *g);

enum gunzip_result { GUNZIP_OK, GUNZIP_TOO_LARGE, GUNZIP_BAD };

/* Unpacks one whole gzip stream into *out, which must be empty. TOO_LARGE: it
 * is more than most bytes; BAD: it is not gzip, or cut short, or has more
 * behind its end. out is empty after a failure. */
enum gunzip_result gunzip(struct bytes in, size_t most, struct text *out);

#endif
