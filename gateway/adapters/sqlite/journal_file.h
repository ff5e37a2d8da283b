/* journal.db as a file: of which layout it is, and its way from a layout without
 * page sums to one with them. */
#ifndef GATEHOUSE_ADAPTERS_SQLITE_JOURNAL_FILE_H
#define GATEHOUSE_ADAPTERS_SQLITE_JOURNAL_FILE_H

#include "db.h"

#define JOURNAL_APPLICATION_ID 0x47484a4c /* "GHJL" */
#define JOURNAL_LAYOUT 3
#define JOURNAL_LAYOUT_UNCHECKED 2 /* as 3, but its pages have no sums (page_check.h) */
#define JOURNAL_LAYOUT_OLD 1       /* nor is anything kept in it */

/* A connection that only reads. *layout: of the file; 0 = it is empty. Returns owned
 * in *out. A file that says that it is of a layout without sums is read without
 * them; no damage of one bit makes one of the others say so. GH_CORRUPT: not ours,
 * damaged, of another version; GH_NOT_FOUND; GH_RETRY; GH_IO. */
GH_MUST_CHECK enum gh_err journal_file_read(sqlite3 **out, const char *path, int busy_ms,
                                            int *layout);

/* Puts a copy with sums and of the newest layout in the place of folder/journal.db,
 * which is of this older one. Nobody may have it open, and nobody may open it meanwhile: what is
 * written to it would be lost. On failure it is as it was. GH_FULL; GH_RETRY: somebody
 * has it open all the same; GH_CORRUPT; GH_IO. */
GH_MUST_CHECK enum gh_err journal_file_convert(const char *folder, int layout);

/* What is sealed of where the events begin (sql/journal.sql). */
#define JOURNAL_FIRST_TEXT 96
void journal_first_text(char out[JOURNAL_FIRST_TEXT], const char *stream, uint64_t seq);

/* Notes in the folder that damage was met where a start may not look, for the next start
 * to look everywhere; best effort. And whether that was noted; and that it is done. */
void journal_file_suspect(const char *folder);
bool journal_file_is_suspect(const char *folder);
void journal_file_clear(const char *folder);

#endif
