/* What a reader or panel is given so that it can connect, as one line of text and as a QR code
 * (format: broker-config/README.md, "Provisioning"). */
#ifndef GATEHOUSE_APP_CTL_HANDOUT_H
#define GATEHOUSE_APP_CTL_HANDOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "core/slice.h"

#define HANDOUT_PORT_CERTIFICATE 8883
#define HANDOUT_PORT_PASSWORD 8884

/* All borrowed. */
struct handout {
    const char *account;
    const char *password;          /* NULL: it has a certificate */
    const char *certificate, *key; /* PEM */
    struct slice server;           /* the broker's certificate, PEM: its hosts are named */
    const char *authority;         /* SHA-256 of the site's authority, hex */
};

/* The line, without an end; zero-terminated, owned (it holds the secret); NULL: no memory, or
 * what should be PEM is none. */
char *handout_print(const struct handout *handout, size_t *len);

/* Draws text as a QR code of half blocks with its quiet zone, dark on light whatever the
 * terminal's colours. False: it is too long, or no memory. *columns and *rows of the drawing,
 * also where to is NULL: then nothing is drawn. */
bool handout_draw(FILE *to, struct slice text, int *columns, int *rows);

#endif
