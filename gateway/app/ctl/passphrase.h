/* Secrets that are asked for: the passphrase of a backup, a token. */
#ifndef GATEHOUSE_APP_CTL_PASSPHRASE_H
#define GATEHOUSE_APP_CTL_PASSPHRASE_H

#include <stdbool.h>

#define PASSPHRASE_MIN 12  /* bytes of a new one */
#define PASSPHRASE_MAX 256 /* bytes */

/* Asks for a secret at a terminal, silently; else takes the first line of standard input. word:
 * what it is, for complaints. Forget it with crypto_forget. False: it has told why. Watches for
 * interruptions from then on (interrupt.h). */
bool secret_read(const char *word, const char *prompt, char out[PASSPHRASE_MAX + 1]);

/* The same for the passphrase of a backup; twice if it is a new one. */
bool passphrase_read(char out[PASSPHRASE_MAX + 1], bool is_new);

#endif
