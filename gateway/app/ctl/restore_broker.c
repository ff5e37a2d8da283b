#include "app/ctl/restore_broker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/ctl/account_text.h"

static void count_others(void *context, struct slice name)
{
    int *others = context;
    *others += !slice_is(name, BROKER_USER);
}

/* A folder without an index is one that setup has not finished, or that lost it: only where no
 * list of revoked certificates lies there was none ever (enum broker_file). */
static bool has_no_index(const struct broker_folder *folder)
{
    char *text = NULL;
    size_t len = 0;
    enum gh_err err = broker_folder_read(folder, BROKER_REVOKED, &text, &len);
    free(text);
    return err == GH_NOT_FOUND;
}

static bool is_index_empty(const struct broker_folder *folder)
{
    struct issued issued = {0};
    char *text = NULL;
    size_t len = 0;
    int line;
    enum gh_err err = broker_folder_read(folder, BROKER_ISSUED, &text, &len);
    if (err == GH_NOT_FOUND)
        return has_no_index(folder);
    bool is_empty = err == GH_OK && issued_parse(&issued, slice_make(text, len), &line) == GH_OK &&
                    issued.n == 0;
    issued_free(&issued);
    free(text);
    return is_empty;
}

static bool is_unused(const struct broker_folder *folder)
{
    char *text = NULL;
    size_t len = 0;
    int others = 0;
    enum gh_err err = broker_folder_read(folder, BROKER_ACCOUNTS, &text, &len);
    if (err == GH_OK)
        accounts_each(slice_make(text, len), count_others, &others);
    free(text);
    return (err == GH_OK || err == GH_NOT_FOUND) && others == 0 && is_index_empty(folder);
}

bool restore_broker_gives_way(const struct restore_broker *b, enum box_part part)
{
    enum broker_file file;
    return b->folder.fd >= 0 && (part == BOX_BROKER_PASSWORD || box_is_broker(part, &file)) &&
           is_unused(&b->folder);
}

/* --- the folder itself -------------------------------------------------------------------------- */

static bool tell(char *why, size_t size, const char *text)
{
    snprintf(why, size, "%s", text);
    return false;
}

bool restore_broker_open(struct restore_broker *b, const char *path, char *why, size_t why_size)
{
    if (b->folder.fd >= 0)
        return true;
    if (mkdir(path, 0700) == 0)
        b->is_made = true;
    else if (errno != EEXIST)
        return tell(why, why_size, strerror(errno));
    enum gh_err err = broker_folder_open(&b->folder, path, true);
    return err == GH_OK || tell(why, why_size, broker_folder_why(err));
}

bool restore_broker_give(const struct restore_broker *b, const struct box_entry *entry, char *why,
                         size_t why_size)
{
    struct box_entry folder = *entry;
    folder.mode = BROKER_FOLDER_MODE;
    return box_give(b->folder.fd, &folder, why, why_size);
}

void restore_broker_undo(const struct restore_broker *b)
{
    if (b->is_made)
        (void)broker_folder_remove(&b->folder);
}
