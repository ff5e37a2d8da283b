/* Looks at what is read from a write-ahead log; part of page_check.
 *
 * A log is 32 bytes of header and then frames, each of 24 bytes of header and a
 * page. All numbers are big-endian. Log: bytes 16..23 salts, 24..31 the sum of
 * bytes 0..23. Frame: 0 the page's number, 4 the size of the database if the frame
 * ends a transaction, else 0, 8..15 the salts of the log, 16..23 the sum over all
 * from the log's header on: of its own first 8 bytes and its page, begun with the
 * sum of the frame before (the log's, for the first). */
#ifndef GATEHOUSE_ADAPTERS_SQLITE_PAGE_LOG_H
#define GATEHOUSE_ADAPTERS_SQLITE_PAGE_LOG_H

#include <sqlite3.h>
#include <stdint.h>

#include "page_sum.h"

#define LOG_HEADER 32
#define FRAME_HEADER 24
#define FRAME_BYTES (FRAME_HEADER + PAGE_BYTES)

/* What one connection does to its log. A transaction may write a page again in the
 * place that it has in the log already; its sums, and those of all frames behind it,
 * are put right before the transaction ends. */
struct page_log {
    int64_t headed;   /* the frame whose header was written last, without its page; -1 = none */
    int64_t unsealed; /* no sum from this frame on can be right; INT64_MAX = none */
};

void page_log_init(struct page_log *log);

/* Before a write of n bytes at this offset. */
void page_log_note_write(struct page_log *log, int n, sqlite3_int64 at);

/* After a read of n bytes into bytes, with its result (SQLITE_OK or
 * SQLITE_IOERR_SHORT_READ). What to answer; SQLITE_IOERR_DATA: damaged. */
int page_log_check(const struct page_log *log, sqlite3_file *real, int code,
                   const unsigned char *bytes, int n, sqlite3_int64 at);

#endif
