/* A QR code (ISO/IEC 18004), by libqrencode. */
#ifndef GATEHOUSE_ADAPTERS_QRENCODE_QR_H
#define GATEHOUSE_ADAPTERS_QRENCODE_QR_H

#include <stdbool.h>

#include "core/err.h"
#include "core/slice.h"

struct qr;

/* The smallest code that holds these bytes at level L, for a screen. Returned owned in *out.
 * GH_FULL: there is none (over 2953 bytes); GH_IO: no memory. */
GH_MUST_CHECK enum gh_err qr_make(struct qr **out, struct slice bytes);
void qr_free(struct qr *qr); /* wipes it; NULL is allowed */

/* Modules on a side, without the quiet zone. */
int qr_width(const struct qr *qr);
/* True for a dark module; outside the code all are light. */
bool qr_is_dark(const struct qr *qr, int x, int y);

#endif
