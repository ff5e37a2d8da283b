/* Notices damaged pages before their content is used: a layer between SQLite and
 * the files of a database.
 *
 * Database: each page of PAGE_BYTES ends with PAGE_SUM_BYTES reserved bytes that
 * hold its sum (page_sum.h), which depends on the page's number. It is written with
 * each page and looked at when one is read; a page without a right one, cut short
 * or of another size is damaged. There is no switch in the file: what was not
 * written through this layer cannot be read through it.
 * Write-ahead log: SQLite has a sum of its own in each frame, which it looks at
 * only when it recovers a log; here it is looked at with each page that is read.
 * Where a log is recovered SQLite drops everything from the first frame that is not
 * whole, as if the power had been cut there. That is refused when a later
 * transaction follows, since then the frame had been synced: it is damage. Damage
 * in the last transaction looks like a power cut, and that transaction goes.
 *
 * Reads that find damage fail with SQLITE_IOERR_DATA, which db_err makes GH_CORRUPT.
 * Memory mapping is not offered. Other files (rollback journals, temporary ones)
 * pass through. */
#ifndef GATEHOUSE_ADAPTERS_SQLITE_PAGE_CHECK_H
#define GATEHOUSE_ADAPTERS_SQLITE_PAGE_CHECK_H

#include <sqlite3.h>
#include <stdint.h>

#include "core/err.h"
#include "page_sum.h"

#define PAGE_CHECK_VFS "gatehouse"

/* Registers the layer under its name, unless that is taken already; it never is the
 * default. It lies over whatever the default is when a file is opened. GH_IO. */
GH_MUST_CHECK enum gh_err page_check_register(void);

/* Settles size and reserved bytes of a database that is still empty; no effect on
 * one that is not. Before anything is read or written. GH_IO. */
GH_MUST_CHECK enum gh_err page_check_reserve(sqlite3 *db);

/* Reads up to n pages of the file, past the cache, from *page on (0 is the first); where
 * to go on is in *page, 0 once the end was reached. For the connection that alone writes
 * and checkpoints, outside a transaction. Zeros alone are a page that was never written:
 * no damage as long as it is not used. What is still in the log is not looked at.
 * GH_CORRUPT; GH_IO. */
GH_MUST_CHECK enum gh_err page_check_scan(sqlite3 *db, int64_t *page, int64_t n);

#endif
