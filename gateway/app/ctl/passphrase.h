/* The passphrase of a backup. */
#ifndef GATEHOUSE_APP_CTL_PASSPHRASE_H
#define GATEHOUSE_APP_CTL_PASSPHRASE_H

#include <stdbool.h>

#define PASSPHRASE_MIN 12  /* bytes of a new one */
#define PASSPHRASE_MAX 256 /* bytes */

/* Asks for it at a terminal, silently, twice if it is a new one; else takes the first line of
 * standard input. Forget it with crypto_forget. False: it has told why. */
bool passphrase_read(char out[PASSPHRASE_MAX + 2], bool is_new);

#endif
