#include "app/scratch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "app/state.h"

bool scratch_make(struct scratch *out, const char *purpose)
{
    const char *tmp = getenv("TMPDIR");
    int n = snprintf(out->folder, sizeof out->folder, "%s/gatehouse-%s-XXXXXX",
                     tmp && tmp[0] ? tmp : "/tmp", purpose);
    if (n >= (int)sizeof out->folder)
        errno = ENAMETOOLONG;
    if (n >= (int)sizeof out->folder || !mkdtemp(out->folder)) {
        out->folder[0] = '\0';
        return false;
    }
    snprintf(out->replica, sizeof out->replica, "%s/" STATE_REPLICA, out->folder);
    return true;
}

void scratch_remove(const struct scratch *scratch)
{
    static const char *const suffixes[] = {"", "-wal", "-shm", "-next", "-next-journal"};
    char path[320];
    if (!scratch->folder[0])
        return;
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        snprintf(path, sizeof path, "%s%s", scratch->replica, suffixes[i]);
        unlink(path);
    }
    rmdir(scratch->folder);
}
