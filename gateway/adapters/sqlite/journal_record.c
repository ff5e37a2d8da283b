#include "journal_record.h"

#include <assert.h>
#include <pthread.h>

/* CRC-32C of each byte value: polynomial 0x82f63b78, reflected. */
static const uint32_t crc_of_byte[256] = {
    /* clang-format off */
    0x00000000, 0xf26b8303, 0xe13b70f7, 0x1350f3f4, 0xc79a971f, 0x35f1141c, 0x26a1e7e8, 0xd4ca64eb,
    0x8ad958cf, 0x78b2dbcc, 0x6be22838, 0x9989ab3b, 0x4d43cfd0, 0xbf284cd3, 0xac78bf27, 0x5e133c24,
    0x105ec76f, 0xe235446c, 0xf165b798, 0x030e349b, 0xd7c45070, 0x25afd373, 0x36ff2087, 0xc494a384,
    0x9a879fa0, 0x68ec1ca3, 0x7bbcef57, 0x89d76c54, 0x5d1d08bf, 0xaf768bbc, 0xbc267848, 0x4e4dfb4b,
    0x20bd8ede, 0xd2d60ddd, 0xc186fe29, 0x33ed7d2a, 0xe72719c1, 0x154c9ac2, 0x061c6936, 0xf477ea35,
    0xaa64d611, 0x580f5512, 0x4b5fa6e6, 0xb93425e5, 0x6dfe410e, 0x9f95c20d, 0x8cc531f9, 0x7eaeb2fa,
    0x30e349b1, 0xc288cab2, 0xd1d83946, 0x23b3ba45, 0xf779deae, 0x05125dad, 0x1642ae59, 0xe4292d5a,
    0xba3a117e, 0x4851927d, 0x5b016189, 0xa96ae28a, 0x7da08661, 0x8fcb0562, 0x9c9bf696, 0x6ef07595,
    0x417b1dbc, 0xb3109ebf, 0xa0406d4b, 0x522bee48, 0x86e18aa3, 0x748a09a0, 0x67dafa54, 0x95b17957,
    0xcba24573, 0x39c9c670, 0x2a993584, 0xd8f2b687, 0x0c38d26c, 0xfe53516f, 0xed03a29b, 0x1f682198,
    0x5125dad3, 0xa34e59d0, 0xb01eaa24, 0x42752927, 0x96bf4dcc, 0x64d4cecf, 0x77843d3b, 0x85efbe38,
    0xdbfc821c, 0x2997011f, 0x3ac7f2eb, 0xc8ac71e8, 0x1c661503, 0xee0d9600, 0xfd5d65f4, 0x0f36e6f7,
    0x61c69362, 0x93ad1061, 0x80fde395, 0x72966096, 0xa65c047d, 0x5437877e, 0x4767748a, 0xb50cf789,
    0xeb1fcbad, 0x197448ae, 0x0a24bb5a, 0xf84f3859, 0x2c855cb2, 0xdeeedfb1, 0xcdbe2c45, 0x3fd5af46,
    0x7198540d, 0x83f3d70e, 0x90a324fa, 0x62c8a7f9, 0xb602c312, 0x44694011, 0x5739b3e5, 0xa55230e6,
    0xfb410cc2, 0x092a8fc1, 0x1a7a7c35, 0xe811ff36, 0x3cdb9bdd, 0xceb018de, 0xdde0eb2a, 0x2f8b6829,
    0x82f63b78, 0x709db87b, 0x63cd4b8f, 0x91a6c88c, 0x456cac67, 0xb7072f64, 0xa457dc90, 0x563c5f93,
    0x082f63b7, 0xfa44e0b4, 0xe9141340, 0x1b7f9043, 0xcfb5f4a8, 0x3dde77ab, 0x2e8e845f, 0xdce5075c,
    0x92a8fc17, 0x60c37f14, 0x73938ce0, 0x81f80fe3, 0x55326b08, 0xa759e80b, 0xb4091bff, 0x466298fc,
    0x1871a4d8, 0xea1a27db, 0xf94ad42f, 0x0b21572c, 0xdfeb33c7, 0x2d80b0c4, 0x3ed04330, 0xccbbc033,
    0xa24bb5a6, 0x502036a5, 0x4370c551, 0xb11b4652, 0x65d122b9, 0x97baa1ba, 0x84ea524e, 0x7681d14d,
    0x2892ed69, 0xdaf96e6a, 0xc9a99d9e, 0x3bc21e9d, 0xef087a76, 0x1d63f975, 0x0e330a81, 0xfc588982,
    0xb21572c9, 0x407ef1ca, 0x532e023e, 0xa145813d, 0x758fe5d6, 0x87e466d5, 0x94b49521, 0x66df1622,
    0x38cc2a06, 0xcaa7a905, 0xd9f75af1, 0x2b9cd9f2, 0xff56bd19, 0x0d3d3e1a, 0x1e6dcdee, 0xec064eed,
    0xc38d26c4, 0x31e6a5c7, 0x22b65633, 0xd0ddd530, 0x0417b1db, 0xf67c32d8, 0xe52cc12c, 0x1747422f,
    0x49547e0b, 0xbb3ffd08, 0xa86f0efc, 0x5a048dff, 0x8ecee914, 0x7ca56a17, 0x6ff599e3, 0x9d9e1ae0,
    0xd3d3e1ab, 0x21b862a8, 0x32e8915c, 0xc083125f, 0x144976b4, 0xe622f5b7, 0xf5720643, 0x07198540,
    0x590ab964, 0xab613a67, 0xb831c993, 0x4a5a4a90, 0x9e902e7b, 0x6cfbad78, 0x7fab5e8c, 0x8dc0dd8f,
    0xe330a81a, 0x115b2b19, 0x020bd8ed, 0xf0605bee, 0x24aa3f05, 0xd6c1bc06, 0xc5914ff2, 0x37faccf1,
    0x69e9f0d5, 0x9b8273d6, 0x88d28022, 0x7ab90321, 0xae7367ca, 0x5c18e4c9, 0x4f48173d, 0xbd23943e,
    0xf36e6f75, 0x0105ec76, 0x12551f82, 0xe03e9c81, 0x34f4f86a, 0xc69f7b69, 0xd5cf889d, 0x27a40b9e,
    0x79b737ba, 0x8bdcb4b9, 0x988c474d, 0x6ae7c44e, 0xbe2da0a5, 0x4c4623a6, 0x5f16d052, 0xad7d5351,
    /* clang-format on */
};

#define SLICES 8

/* What a byte makes of the CRC once so many others have followed it, crc_after[0] none: so eight bytes
 * can be looked up at once, where one after the other each would wait for the one before. A record
 * is written before a relay is set. */
static uint32_t crc_after[SLICES][256];

static void fill_slices(void)
{
    memcpy(crc_after[0], crc_of_byte, sizeof crc_after[0]);
    for (int i = 1; i < SLICES; i++)
        for (int byte = 0; byte < 256; byte++) {
            uint32_t before = crc_after[i - 1][byte];
            crc_after[i][byte] = (before >> 8) ^ crc_of_byte[before & 0xff];
        }
}

uint32_t record_crc(uint32_t crc, const unsigned char *bytes, size_t len)
{
    static pthread_once_t are_filled = PTHREAD_ONCE_INIT;
    (void)pthread_once(&are_filled, fill_slices);
    crc = ~crc;
    for (; len >= SLICES; bytes += SLICES, len -= SLICES) {
        uint32_t low = crc ^ record_get32(bytes), high = record_get32(bytes + 4);
        crc = crc_after[7][low & 0xff] ^ crc_after[6][low >> 8 & 0xff] ^ crc_after[5][low >> 16 & 0xff] ^
              crc_after[4][low >> 24] ^ crc_after[3][high & 0xff] ^ crc_after[2][high >> 8 & 0xff] ^
              crc_after[1][high >> 16 & 0xff] ^ crc_after[0][high >> 24];
    }
    for (size_t i = 0; i < len; i++)
        crc = (crc >> 8) ^ crc_of_byte[(crc ^ bytes[i]) & 0xff];
    return ~crc;
}

void record_put32(unsigned char *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (unsigned char)(value >> (8 * i));
}

uint32_t record_get32(const unsigned char *at)
{
    uint32_t value = 0;
    for (int i = 3; i >= 0; i--)
        value = (value << 8) | at[i];
    return value;
}

void record_put64(unsigned char *at, uint64_t value)
{
    record_put32(at, (uint32_t)value);
    record_put32(at + 4, (uint32_t)(value >> 32));
}

uint64_t record_get64(const unsigned char *at)
{
    return record_get32(at) | (uint64_t)record_get32(at + 4) << 32;
}

static uint32_t crc_of_record(const unsigned char *bytes, size_t len)
{
    return record_crc(record_crc(0, bytes, 4), bytes + 8, len - 8);
}

static unsigned char *put_text(unsigned char *at, const char *text)
{
    size_t len = strlen(text);
    assert(len <= UINT8_MAX);
    *at++ = (unsigned char)len;
    memcpy(at, text, len);
    return at + len;
}

static unsigned char *put_repeat(unsigned char *at, const struct record_repeat *r)
{
    record_put64(at, r->boot);
    record_put64(at + 8, (uint64_t)r->at_ms);
    record_put64(at + 16, (uint64_t)r->release_ms);
    at[24] = r->answered ? 1 : 0;
    at = put_text(at + 25, r->reader.s);
    at = put_text(at, r->read_id.s);
    at = put_text(at, r->door.s);
    at = put_text(at, r->decision);
    return put_text(at, r->reason);
}

size_t record_encode(unsigned char out[RECORD_MAX], const struct record *r)
{
    assert(r->event.len <= EVENT_JSON_MAX && r->changes.len <= CHANGES_MAX);
    record_put64(out + 8, r->number);
    record_put64(out + 16, r->run);
    record_put64(out + 24, r->before);
    record_put64(out + 32, r->seq);
    record_put32(out + 40, (uint32_t)r->kind);
    record_put32(out + 44, (uint32_t)r->event.len);
    unsigned char *at = out + RECORD_HEAD;
    if (r->event.len > 0)
        memcpy(at, r->event.ptr, r->event.len);
    at += r->event.len;
    if (record_has(r, RECORD_HAS_REPEAT))
        at = put_repeat(at, &r->repeat);
    if (r->kind == RECORD_ANSWERED) {
        at = put_text(at, r->repeat.reader.s);
        at = put_text(at, r->repeat.read_id.s);
    }
    if (record_has(r, RECORD_HAS_CHANGES)) {
        record_put32(at, (uint32_t)r->changes.len);
        memcpy(at + 4, r->changes.ptr, r->changes.len);
        at += 4 + r->changes.len;
    }
    size_t len = (size_t)(at - out);
    record_put32(out, (uint32_t)len);
    record_put32(out + 4, crc_of_record(out, len));
    return len;
}

/* What is left to read; ok turns false for good where it ends too early. */
struct rest {
    const unsigned char *at;
    size_t len;
    bool ok;
};

static const unsigned char *take(struct rest *rest, size_t len)
{
    if (!rest->ok || rest->len < len) {
        rest->ok = false;
        return NULL;
    }
    const unsigned char *at = rest->at;
    rest->at += len;
    rest->len -= len;
    return at;
}

static struct slice take_text(struct rest *rest)
{
    const unsigned char *len = take(rest, 1);
    const unsigned char *text = len ? take(rest, *len) : NULL;
    return text ? slice_make(text, *len) : slice_make("", 0);
}

static void take_id(struct rest *rest, struct id *out, bool may_be_none)
{
    struct slice text = take_text(rest);
    if (text.len == 0 && may_be_none)
        out->s[0] = '\0';
    else if (id_set(out, text) != GH_OK)
        rest->ok = false;
}

static void take_word(struct rest *rest, char out[RECORD_WORD_MAX + 1])
{
    struct slice text = take_text(rest);
    if (text.len == 0 || text.len > RECORD_WORD_MAX || memchr(text.ptr, '\0', text.len)) {
        rest->ok = false;
        return;
    }
    memcpy(out, text.ptr, text.len);
    out[text.len] = '\0';
}

static void take_repeat(struct rest *rest, struct record_repeat *r)
{
    const unsigned char *numbers = take(rest, 25);
    if (!numbers)
        return;
    r->boot = record_get64(numbers);
    r->at_ms = (int64_t)record_get64(numbers + 8);
    r->release_ms = (int64_t)record_get64(numbers + 16);
    r->answered = numbers[24] == 1;
    rest->ok = numbers[24] <= 1;
    take_id(rest, &r->reader, false);
    take_id(rest, &r->read_id, false);
    take_id(rest, &r->door, true);
    take_word(rest, r->decision);
    take_word(rest, r->reason);
}

static void take_changes(struct rest *rest, struct slice *out)
{
    const unsigned char *len_bytes = take(rest, 4);
    uint32_t len = len_bytes ? record_get32(len_bytes) : 0;
    const unsigned char *list = take(rest, len);
    struct slice changes = list ? slice_make(list, len) : slice_make("", 0);
    if (changes.len == 0 || !changes_are_valid(changes))
        rest->ok = false;
    else
        *out = changes;
}

static bool is_kind(uint32_t kind)
{
    switch (kind) {
    case RECORD_EVENT:
    case RECORD_EVENT_REPEAT:
    case RECORD_ANSWERED:
    case RECORD_KEEP:
    case RECORD_EVENT_KEEP:
    case RECORD_EVENT_REPEAT_KEEP: return true;
    default: return false;
    }
}

/* The part behind the head, according to the kind. */
static bool take_body(struct rest *rest, struct record *r, uint32_t kind, uint32_t event_len)
{
    if (!is_kind(kind))
        return false;
    r->kind = (enum record_kind)kind;
    bool is_event = record_has(r, RECORD_HAS_EVENT);
    if (is_event ? event_len == 0 || event_len > EVENT_JSON_MAX : event_len != 0)
        return false;
    const unsigned char *event = take(rest, event_len);
    r->event = is_event && event ? slice_make(event, event_len) : slice_make("", 0);
    r->changes = slice_make("", 0);
    if (record_has(r, RECORD_HAS_REPEAT))
        take_repeat(rest, &r->repeat);
    if (r->kind == RECORD_ANSWERED) {
        take_id(rest, &r->repeat.reader, false);
        take_id(rest, &r->repeat.read_id, false);
    }
    if (record_has(r, RECORD_HAS_CHANGES))
        take_changes(rest, &r->changes);
    return rest->ok && rest->len == 0;
}

enum gh_err record_decode(struct record *out, size_t *used, struct slice bytes)
{
    const unsigned char *at = (const unsigned char *)bytes.ptr;
    if (bytes.len < RECORD_HEAD)
        return GH_CORRUPT;
    size_t len = record_get32(at);
    if (len < RECORD_HEAD || len > RECORD_MAX || len > bytes.len)
        return GH_CORRUPT;
    if (record_get32(at + 4) != crc_of_record(at, len))
        return GH_CORRUPT;

    struct record r = {
        .number = record_get64(at + 8),
        .run = record_get64(at + 16),
        .before = record_get64(at + 24),
        .seq = record_get64(at + 32),
    };
    if (r.seq > INT64_MAX || r.number > INT64_MAX)
        return GH_CORRUPT; /* no database could hold it */
    struct rest rest = {at + RECORD_HEAD, len - RECORD_HEAD, true};
    if (!take_body(&rest, &r, record_get32(at + 40), record_get32(at + 44)))
        return GH_CORRUPT;
    *out = r;
    *used = len;
    return GH_OK;
}
