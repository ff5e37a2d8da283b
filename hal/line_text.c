#include "line_text.h"

#include <stdarg.h>
#include <stdio.h>

void hal_text_copy(char out[HAL_TEXT_MAX], const char *text)
{
    if (!text || text[0] == '\0')
        text = "-";
    size_t n = 0;
    for (; n < HAL_TEXT_MAX - 1 && text[n] != '\0'; n++) {
        unsigned char c = (unsigned char)text[n];
        out[n] = c < 0x20 || c == 0x7f ? '?' : text[n];
    }
    out[n] = '\0';
}

enum hal_err hal_fail(enum hal_err err, char why[HAL_TEXT_MAX], const char *format, ...)
{
    if (why) {
        va_list args;
        va_start(args, format);
        vsnprintf(why, HAL_TEXT_MAX, format, args);
        va_end(args);
    }
    return err;
}
