/* A temporary folder of one test, and where the built programs and the
 * repository's own files are. */
#ifndef TESTS_LIB_FOLDER_H
#define TESTS_LIB_FOLDER_H

#include <stdbool.h>
#include <stddef.h>

#define FOLDER_PATH_MAX 256

struct folder {
    char path[FOLDER_PATH_MAX];
};

/* Makes a new folder, mode 0700, under $TMPDIR or /tmp. */
bool folder_make(struct folder *folder);

/* Removes it with all that is in it, following no links. Does nothing to one
 * that was never made (all zero) or is removed already. With GATEHOUSE_KEEP=1
 * in the environment it stays and its path is printed. */
void folder_remove(struct folder *folder);

/* out = folder/name; false if it does not fit. */
bool folder_file(const struct folder *folder, const char *name, char out[FOLDER_PATH_MAX]);

/* Writes a whole file (replacing it) with this mode. */
bool folder_write(const struct folder *folder, const char *name, const char *text,
                  unsigned mode);

/* The whole file with a closing NUL, owned (free); *len may be NULL. NULL if it
 * cannot be read or is over 64 MiB. */
char *folder_read(const char *path, size_t *len);

/* A file of the repository, by its path from the top, such as
 * "broker-config/mosquitto.conf": looked for from the current folder upwards,
 * then from the running program's folder upwards. */
bool place_repo_file(const char *name, char out[FOLDER_PATH_MAX]);

/* A built program such as "gatehoused": in $BUILD, else from the running
 * program's folder upwards. The path is absolute. */
bool place_program(const char *name, char out[FOLDER_PATH_MAX]);

#endif
