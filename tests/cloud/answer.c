#include <stdarg.h>
#include <stdio.h>

#include "http.h"

void answer_error(struct answer *answer, int status, const char *format, ...)
{
    char line[512];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    answer->status = status;
    answer->type = "application/json";
    answer->gzip = false;
    answer->etag[0] = '\0';
    if (answer->rest)
        answer->rest->free(answer->rest);
    answer->rest = NULL;
    text_free(&answer->body);
    text_addf(&answer->body, "{\"error\":");
    text_add_json(&answer->body, line);
    text_addf(&answer->body, "}\n");
}

void answer_failed(struct answer *answer)
{
    answer_error(answer, 500, "the server failed; try again");
}

void answer_endless(struct answer *answer)
{
    while (answer->body.len > 0 && answer->body.at[--answer->body.len] != '}')
        ;
    text_addf(&answer->body, ",\"endless\":\"");
    answer->endless = "x";
}

void answer_json(struct answer *answer, int status, const char *format, ...)
{
    char line[1024];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (len < 0 || (size_t)len >= sizeof line) {
        answer_failed(answer);
        return;
    }
    answer->status = status;
    answer->type = "application/json";
    text_add(&answer->body, line, (size_t)len);
}
