/* The passphrase of a backup: from a terminal, silently, or from standard input. */
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "adapters/crypto/crypto.h"
#include "app/ctl/passphrase.h"

static bool complain(const char *text)
{
    fprintf(stderr, "gatehousectl: %s\n", text);
    return false;
}

/* One line of standard input, without its end; what is longer is none. */
static bool read_line(char out[PASSPHRASE_MAX + 2])
{
    if (!fgets(out, PASSPHRASE_MAX + 2, stdin))
        return complain("no passphrase came on standard input");
    size_t len = strcspn(out, "\n");
    if (out[len] != '\n' && !feof(stdin))
        return complain("the passphrase is too long: at most 256 bytes");
    out[len] = '\0';
    return true;
}

static bool ask(const char *prompt, char out[PASSPHRASE_MAX + 2])
{
    struct termios before, silent;
    bool is_terminal = tcgetattr(STDIN_FILENO, &before) == 0;
    if (!is_terminal)
        return read_line(out);
    silent = before;
    silent.c_lflag &= ~(tcflag_t)ECHO;
    fprintf(stderr, "%s: ", prompt);
    fflush(stderr);
    if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent) != 0)
        return complain("the terminal cannot be made silent");
    bool good = read_line(out);
    (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
    fputc('\n', stderr);
    return good;
}

bool passphrase_read(char out[PASSPHRASE_MAX + 2], bool is_new)
{
    char again[PASSPHRASE_MAX + 2];
    if (!ask("passphrase of the backup", out))
        return false;
    if (!is_new)
        return true;
    if (strlen(out) < PASSPHRASE_MIN)
        return complain("the passphrase is too short: at least 12 characters");
    if (!isatty(STDIN_FILENO))
        return true;
    bool same = ask("the same once more", again) && strcmp(out, again) == 0;
    crypto_forget(again, sizeof again);
    return same || complain("these are two passphrases: nothing was written");
}
