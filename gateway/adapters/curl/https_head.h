/* What we read from the head of an HTTP answer, line by line. Pure. */
#ifndef GATEHOUSE_ADAPTERS_CURL_HTTPS_HEAD_H
#define GATEHOUSE_ADAPTERS_CURL_HTTPS_HEAD_H

#include <stdbool.h>
#include <stdint.h>

#include "core/slice.h"

#define HTTPS_RETRY_AFTER_MAX_S 3600
#define HTTPS_ETAG_MAX 128

struct https_head {
    int64_t retry_after_s; /* -1 = not given; 0..HTTPS_RETRY_AFTER_MAX_S */
    int64_t range_from;    /* first byte in Content-Range; -1 = not given */
    bool gzip;             /* Content-Encoding: gzip */
    bool unknown_coding;   /* another Content-Encoding */
    char etag[HTTPS_ETAG_MAX]; /* "" = none, or too long */
};

void https_head_begin(struct https_head *head);
/* One line, with or without its line break. A status line begins anew, as does
 * the answer after an interim one. Lines that do not concern us, and values
 * that make no sense, are ignored. */
void https_head_line(struct https_head *head, struct slice line);

#endif
