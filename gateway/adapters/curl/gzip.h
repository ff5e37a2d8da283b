/* gzip (RFC 1952), by zlib: a stream that is unpacked piece by piece as it
 * arrives, and a body that is packed in one go. */
#ifndef GATEHOUSE_ADAPTERS_CURL_GZIP_H
#define GATEHOUSE_ADAPTERS_CURL_GZIP_H

#include <stdbool.h>

#include "core/err.h"
#include "core/slice.h"

struct gunzip;

/* Returns owned; NULL when out of memory. With sniff, a stream that does not
 * begin with gzip's magic bytes passes unchanged. */
struct gunzip *gunzip_open(bool sniff);

/* Unpacks the next piece and hands what came out to piece, never more than
 * 16 KiB at a time, so that a caller can stop a stream that grows too far.
 * Whatever can be unpacked of the bytes given so far has been handed out on
 * return. GH_CORRUPT: not gzip, a wrong checksum, or something behind its end.
 * GH_RETRY: piece returned false; the stream can only be closed. */
GH_MUST_CHECK enum gh_err gunzip_feed(struct gunzip *g, struct slice bytes,
                                      bool (*piece)(void *context, struct slice bytes),
                                      void *context);

/* True if the bytes so far are a whole stream: nothing was cut off. A stream
 * that passes unchanged is always whole. No bytes at all are whole, too. */
bool gunzip_is_whole(const struct gunzip *g);

void gunzip_close(struct gunzip *g); /* NULL allowed */

/* Packs bytes; owned, free() it; NULL when out of memory. */
unsigned char *gzip_pack(struct slice bytes, size_t *len);

#endif
