/* The broker's folder while a backup is brought back. */
#ifndef GATEHOUSE_APP_CTL_RESTORE_BROKER_H
#define GATEHOUSE_APP_CTL_RESTORE_BROKER_H

#include <stdbool.h>

#include "app/box.h"

struct restore_broker {
    struct broker_folder folder; /* fd -1: the backup has none of it, so far */
    bool is_made;                /* by the restore */
};
#define RESTORE_BROKER_NONE ((struct restore_broker){.folder = {.fd = -1}})

/* Opens the folder and holds its lock; it is made if it is missing. Once more: nothing happens.
 * False with one line in why. */
bool restore_broker_open(struct restore_broker *b, const char *path, char *why, size_t why_size);

/* The folder gets owner and group of a file that mosquitto may read, be it new or what a restore
 * that was cut off has left. */
bool restore_broker_give(const struct restore_broker *b, const struct box_entry *entry, char *why,
                         size_t why_size);

/* True if what lies in the part's place may be overwritten: it is what setup has made on a box
 * where nobody but the gateway has, or ever had, an account. */
bool restore_broker_gives_way(const struct restore_broker *b, enum box_part part);

/* Removes a folder that was made, if it is empty. */
void restore_broker_undo(const struct restore_broker *b);

#endif
