/* Small files that are read whole, and written whole or not at all. */
#ifndef GATEHOUSE_APP_WHOLE_FILE_H
#define GATEHOUSE_APP_WHOLE_FILE_H

#include <stdbool.h>
#include <sys/types.h>

#include "core/err.h"
#include "core/slice.h"

#define WHOLE_FILE_MAX ((size_t)4 * 1024 * 1024)
#define WHOLE_FILE_NEXT ".next" /* a file that is being written has this behind its name */

/* Reads a file of the folder (a descriptor; AT_FDCWD: name is a path). *out is owned and
 * zero-terminated; wipe it with whole_file_forget if it is secret. GH_NOT_FOUND; GH_INVALID: it
 * is no regular file; GH_FULL: over WHOLE_FILE_MAX; GH_IO with errno. */
GH_MUST_CHECK enum gh_err whole_file_read(int folder, const char *name, char **out, size_t *len);
/* Wipes and frees; NULL is allowed. */
void whole_file_forget(char *text, size_t len);

/* Writes a file of the folder beside its place, with this mode, owner and group ((uid_t)-1,
 * (gid_t)-1: as they come), syncs it, gives it its name and syncs that: whoever looks, and whatever is cut off,
 * sees the old file or the new one. GH_FULL: no room; GH_IO. Both with errno. */
GH_MUST_CHECK enum gh_err whole_file_put(int folder, const char *name, struct slice bytes,
                                         mode_t mode, uid_t owner, gid_t group);

/* True if both are regular files, of any size, with the same bytes. */
bool whole_file_is_same(const char *a, const char *b);

#endif
