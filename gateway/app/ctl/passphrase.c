/* Secrets: from a terminal, silently, or from standard input. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "adapters/crypto/crypto.h"
#include "app/ctl/interrupt.h"
#include "app/ctl/passphrase.h"

#define WHY_MAX 80

static bool complain(const char *text)
{
    fprintf(stderr, "gatehousectl: %s\n", text);
    return false;
}

__attribute__((format(printf, 2, 3))) static bool tell(char why[WHY_MAX], const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(why, WHY_MAX, format, args);
    va_end(args);
    return false;
}

/* One line of standard input, without its end; what is longer is none. Byte by byte, so that no
 * library keeps a copy. False: why there is none. */
static bool read_line(const char *word, char out[PASSPHRASE_MAX + 1], char why[WHY_MAX])
{
    size_t len = 0;
    for (char byte;;) {
        if (!interrupt_wait_for(STDIN_FILENO))
            return tell(why, "interrupted: nothing was written");
        ssize_t n = read(STDIN_FILENO, &byte, 1);
        if (n < 0)
            return tell(why, "standard input cannot be read");
        if (n == 0 && len == 0)
            return tell(why, "no %s came on standard input", word);
        if (n == 0 || byte == '\n')
            break;
        if (len == PASSPHRASE_MAX)
            return tell(why, "the %s is too long: at most %d bytes", word, PASSPHRASE_MAX);
        if (byte == '\0')
            return tell(why, "a %s is text: it holds a NUL", word);
        out[len++] = byte;
    }
    out[len] = '\0';
    return true;
}

static bool ask(const char *word, const char *prompt, char out[PASSPHRASE_MAX + 1])
{
    struct termios before, silent;
    char why[WHY_MAX];
    bool is_terminal = tcgetattr(STDIN_FILENO, &before) == 0;
    if (is_terminal) {
        silent = before;
        silent.c_lflag &= ~(tcflag_t)ECHO;
        if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent) != 0)
            return complain("the terminal cannot be made silent");
        fprintf(stderr, "%s: ", prompt); /* only now: who types at once is not shown either */
    }
    bool good = read_line(word, out, why);
    if (is_terminal) {
        (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
        fputc('\n', stderr);
    }
    return good || complain(why);
}

static bool read_new(char out[PASSPHRASE_MAX + 1])
{
    char again[PASSPHRASE_MAX + 1] = "";
    if (strlen(out) < PASSPHRASE_MIN)
        return complain("the passphrase is too short: at least 12 characters");
    if (!isatty(STDIN_FILENO))
        return true;
    bool heard = ask("passphrase", "the same once more", again), same = heard && strcmp(out, again) == 0;
    crypto_forget(again, sizeof again);
    return same || (heard && complain("these are two passphrases: nothing was written"));
}

bool secret_read(const char *word, const char *prompt, char out[PASSPHRASE_MAX + 1])
{
    out[0] = '\0';
    interrupt_watch(); /* the terminal must not stay silent */
    if (ask(word, prompt, out))
        return true;
    crypto_forget(out, PASSPHRASE_MAX + 1);
    return false;
}

bool passphrase_read(char out[PASSPHRASE_MAX + 1], bool is_new)
{
    if (!secret_read("passphrase", "passphrase of the backup", out))
        return false;
    if (!is_new || read_new(out))
        return true;
    crypto_forget(out, PASSPHRASE_MAX + 1);
    return false;
}
