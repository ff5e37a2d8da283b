/* Unix stream sockets at a path of the file system. */
#ifndef GATEHOUSE_APP_UNIX_SOCKET_H
#define GATEHOUSE_APP_UNIX_SOCKET_H

#include <sys/types.h>

/* Each returns a non-blocking descriptor (owned), or -1 with errno. */
int unix_socket_connect(const char *path);

/* An old socket at the path is replaced; the new one has this mode. */
int unix_socket_listen(const char *path, mode_t mode, int backlog);

#endif
