#include "qr.h"

#include <errno.h>
#include <qrencode.h>
#include <stdlib.h>
#include <string.h>

struct qr {
    QRcode *code;
};

enum gh_err qr_make(struct qr **out, struct slice bytes)
{
    if (bytes.len == 0 || bytes.len > 2953)
        return GH_FULL;
    struct qr *qr = calloc(1, sizeof *qr);
    if (!qr)
        return GH_IO;
    qr->code = QRcode_encodeData((int)bytes.len, (const unsigned char *)bytes.ptr, 0, QR_ECLEVEL_L);
    if (!qr->code) {
        enum gh_err err = errno == ERANGE ? GH_FULL : GH_IO;
        free(qr);
        return err;
    }
    *out = qr;
    return GH_OK;
}

void qr_free(struct qr *qr)
{
    if (!qr)
        return;
    explicit_bzero(qr->code->data, (size_t)qr->code->width * (size_t)qr->code->width);
    QRcode_free(qr->code);
    free(qr);
}

int qr_width(const struct qr *qr)
{
    return qr->code->width;
}

bool qr_is_dark(const struct qr *qr, int x, int y)
{
    int width = qr->code->width;
    return x >= 0 && y >= 0 && x < width && y < width && (qr->code->data[y * width + x] & 1);
}
