#include "page_log.h"

#include <stdbool.h>
#include <string.h>

#define SALTS_AT 16 /* of the log's header; in a frame's they are at 8 */
#define SUM_AT 24   /* of the log's header; in a frame's it is at 16 */

void page_log_init(struct page_log *log)
{
    *log = (struct page_log){.headed = -1, .unsealed = INT64_MAX};
}

/* --- where things are ------------------------------------------------------ */

static int64_t frame_at(int64_t frame)
{
    return LOG_HEADER + frame * FRAME_BYTES;
}

/* The frame whose header (page) begins there; -1 = none does. */
static int64_t frame_headed_at(int64_t at)
{
    return at >= LOG_HEADER && (at - LOG_HEADER) % FRAME_BYTES == 0
               ? (at - LOG_HEADER) / FRAME_BYTES
               : -1;
}

static int64_t frame_paged_at(int64_t at)
{
    return frame_headed_at(at - FRAME_HEADER);
}

void page_log_note_write(struct page_log *log, int n, sqlite3_int64 at)
{
    int64_t headed = n == FRAME_HEADER ? frame_headed_at(at) : -1;
    int64_t paged = n == PAGE_BYTES ? frame_paged_at(at) : -1;
    if (headed >= 0 && log->unsealed != INT64_MAX && headed <= log->unsealed)
        log->unsealed = headed + 1;
    if (paged >= 0 && paged != log->headed && paged < log->unsealed)
        log->unsealed = paged;
    log->headed = headed;
}

/* --- what is right ---------------------------------------------------------- */

static bool sum_is(const uint32_t sum[2], const unsigned char stored[8])
{
    return sum[0] == log_number(stored) && sum[1] == log_number(stored + 4);
}

static int read_at(sqlite3_file *real, unsigned char *to, int n, int64_t at)
{
    int code = real->pMethods->xRead(real, to, n, at);
    return code == SQLITE_IOERR_SHORT_READ ? SQLITE_IOERR_DATA : code;
}

/* Whether this header and page go on from what lies before them in the file.
 * SQLITE_OK, SQLITE_IOERR_DATA, or what the read gave. */
static int check_chain(sqlite3_file *real, int64_t frame, const unsigned char header[FRAME_HEADER],
                       const unsigned char page[PAGE_BYTES])
{
    unsigned char before[8];
    int64_t at = frame == 0 ? SUM_AT : frame_at(frame - 1) + 16;
    int code = read_at(real, before, sizeof before, at);
    if (code != SQLITE_OK)
        return code;
    uint32_t sum[2] = {log_number(before), log_number(before + 4)};
    log_sum(sum, header, 8);
    log_sum(sum, page, PAGE_BYTES);
    return sum_is(sum, header + 16) ? SQLITE_OK : SQLITE_IOERR_DATA;
}

static int check_page_of(sqlite3_file *real, int64_t frame, const unsigned char *page)
{
    unsigned char header[FRAME_HEADER];
    int code = read_at(real, header, sizeof header, frame_at(frame));
    return code == SQLITE_OK ? check_chain(real, frame, header, page) : code;
}

/* Zeros: the log has just been made, and nothing of it reached the disk. */
static int check_log_header(const unsigned char header[LOG_HEADER])
{
    static const unsigned char zeros[LOG_HEADER];
    uint32_t sum[2] = {0, 0};
    log_sum(sum, header, SUM_AT);
    if (sum_is(sum, header + SUM_AT) || memcmp(header, zeros, sizeof zeros) == 0)
        return SQLITE_OK;
    return SQLITE_IOERR_DATA;
}

/* --- a log that is recovered ------------------------------------------------ */

/* A frame that is not whole was synced if a transaction ends at it or behind it, and
 * something that goes on from there follows: that was only written after the sync. */
static int check_rest(sqlite3_file *real, int64_t frame)
{
    unsigned char bytes[FRAME_BYTES], salts[8];
    sqlite3_int64 size = 0;
    bool has_end = false;
    int code = read_at(real, salts, sizeof salts, SALTS_AT);
    if (code == SQLITE_OK)
        code = real->pMethods->xFileSize(real, &size);
    for (; code == SQLITE_OK && frame_at(frame + 1) <= size; frame++) {
        code = read_at(real, bytes, sizeof bytes, frame_at(frame));
        if (code != SQLITE_OK || memcmp(bytes + 8, salts, sizeof salts) != 0)
            continue; /* of an earlier round of the log */
        if (has_end && check_chain(real, frame, bytes, bytes + FRAME_HEADER) == SQLITE_OK)
            return SQLITE_IOERR_DATA;
        has_end |= log_number(bytes + 4) != 0;
    }
    return code;
}

static int check_frame(sqlite3_file *real, int64_t frame, const unsigned char *bytes)
{
    unsigned char salts[8];
    int code = read_at(real, salts, sizeof salts, SALTS_AT);
    if (code == SQLITE_OK && memcmp(bytes + 8, salts, sizeof salts) == 0)
        code = check_chain(real, frame, bytes, bytes + FRAME_HEADER);
    else if (code == SQLITE_OK)
        code = SQLITE_IOERR_DATA;
    return code == SQLITE_IOERR_DATA ? check_rest(real, frame) : code;
}

int page_log_check(const struct page_log *log, sqlite3_file *real, int code,
                   const unsigned char *bytes, int n, sqlite3_int64 at)
{
    int64_t paged = n == PAGE_BYTES ? frame_paged_at(at) : -1;
    if (paged >= 0 && paged < log->unsealed)
        return code == SQLITE_OK ? check_page_of(real, paged, bytes) : SQLITE_IOERR_DATA;
    if (code != SQLITE_OK)
        return code;
    if (n == LOG_HEADER && at == 0)
        return check_log_header(bytes);
    int64_t headed = n == FRAME_BYTES ? frame_headed_at(at) : -1;
    if (headed >= 0 && headed < log->unsealed)
        return check_frame(real, headed, bytes);
    return SQLITE_OK;
}
