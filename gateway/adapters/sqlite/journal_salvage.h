/* What decisions keep (lockdowns, uses, passes, orders done), out of a journal that is damaged. */
#ifndef GATEHOUSE_ADAPTERS_SQLITE_JOURNAL_SALVAGE_H
#define GATEHOUSE_ADAPTERS_SQLITE_JOURNAL_SALVAGE_H

#include "journal_db.h"

/* Takes over into `fresh`, as changes without an event, what can be read of what is kept in the
 * database of that path (its log beside it) and in that tail. Neither is changed; nobody may have
 * them open. *whole: all of it could be read; else a value may be missing or be an older one.
 * GH_FULL: the fresh journal does not take it; GH_IO: out of memory. */
GH_MUST_CHECK enum gh_err journal_salvage(struct journal_db *fresh, const char *database,
                                          const char *tail, bool *whole);

#endif
