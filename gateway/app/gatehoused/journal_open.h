/* Opening the journal whatever state the disk is in: doors must not stay shut
 * because a file is damaged or the disk is full. */
#ifndef GATEHOUSE_APP_GATEHOUSED_JOURNAL_OPEN_H
#define GATEHOUSE_APP_GATEHOUSED_JOURNAL_OPEN_H

#include "adapters/sqlite/journal_db.h"

#define JOURNAL_OPEN_WHY_MAX 240

/* As journal_db_open, and: a damaged journal.db is set aside (renamed to
 * journal.db.damaged-N, N from 1 to 8, with its log and its tail; an eighth takes the place of the
 * eighth before) and a new stream begun, into which goes what can be read of what decisions keep
 * (journal_salvage.h); if the disk has no room, the reserve file in the
 * folder is given up first, then, for a new stream, what was set aside earlier. On success
 * the reserve is there again, if there is room. why says what was done, "" if
 * nothing; on failure what is wrong. */
GH_MUST_CHECK enum gh_err journal_open(struct journal_db **out,
                                       const struct journal_db_options *options,
                                       char why[JOURNAL_OPEN_WHY_MAX]);

/* As journal_db_close. The room that the log gives back becomes the reserve, if there is none,
 * before somebody else has it: the next start may be on a disk that is still full. */
void journal_close(struct journal_db *db, const char *folder);

#endif
