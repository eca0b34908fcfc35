/* From lines of bits to a strip in MH, MR or MMR (ITU-T T.4 and T.6, as RFC 3949, 3.4 and 4.5, uses them).
 *
 * A line is turned into the places where its colour changes, 64 pixels at a time, and those are coded: by themselves, or
 * against those of the line before.
 */
#include "bilevel.h"
#include "bits.h"
#include "t4codes.h"

#include <stdlib.h>

#define EOL_WORD 1u
#define EOL_BITS 12u
#define LONGEST_RUN 2560u
#define FIRST_STRIP_OCTETS 65536u

#define AHEAD 8u /* octets in front of the strip, so that a word may always end where the strip ends so far */

typedef struct {
    uint8_t *room; /* AHEAD octets, then the strip */
    size_t octets; /* of room */
    size_t bits;   /* of the strip */
    uint64_t last; /* the last 64 of them */
} Writer;

static size_t length_of(const Writer *out)
{
    return (out->bits + 7) / 8;
}

/* Write the lowest `bits` (1 to 32) of `word`, above which it is 0. The last eight octets are stored again, whatever is
 * new in them: there is no branch to guess, and no word has to wait for the one before to be stored. */
static inline void put(Writer *out, uint32_t word, unsigned bits)
{
    out->last = out->last << bits | word;
    out->bits += bits;
    store_word(out->room + AHEAD + length_of(out) - 8, out->last << (-out->bits % 8));
}

static inline void put_code(Writer *out, CodeWord code)
{
    put(out, code.word, code.bits);
}

/* Make room for one more line: no line takes more than two octets a pixel, whatever its coding. */
static int reserve(Writer *out, uint32_t width)
{
    size_t needed = AHEAD + length_of(out) + 2 * (size_t)width + 64;
    if (needed <= out->octets)
        return 1;
    size_t octets = out->octets * 2 > needed ? out->octets * 2 : needed;
    uint8_t *room = realloc(out->room, octets);
    if (room == NULL)
        return 0;
    out->room = room;
    out->octets = octets;
    return 1;
}

/* Bring the strip to the front of its room, with its octets turned round where the first bit is to be the lowest. */
static void finish(Writer *out, int reversed)
{
    size_t length = length_of(out);
    if (!reversed)
        memmove(out->room, out->room + AHEAD, length);
    else
        for (size_t at = 0; at < length; at += 8) /* there is room for whole words */
            store_word(out->room + at, reverse_octets(load_word(out->room + AHEAD + at)));
}

/* EOL, filled with zeros so that it ends on an octet if it is to be aligned. */
static void put_eol(Writer *out, int aligned)
{
    unsigned fill = -(out->bits + EOL_BITS) % 8;
    if (aligned && fill)
        put(out, 0, fill);
    put(out, EOL_WORD, EOL_BITS);
}

static inline void put_run(Writer *out, const CodeWord *codes, uint32_t run)
{
    while (run >= LONGEST_RUN + 64) {
        put_code(out, codes[63 + LONGEST_RUN / 64]);
        run -= LONGEST_RUN;
    }
    if (run >= 64)
        put_code(out, codes[63 + run / 64]);
    put_code(out, codes[run % 64]);
}

/* Write to `changes` where the colour changes in a line, the first from white, and then four times the width. Returns
 * how many changes there are; `changes` has room for width + 4. */
static uint32_t find_changes(const uint8_t *line, uint32_t width, uint32_t *changes)
{
    uint32_t count = 0, place = 0;
    uint64_t last = 0; /* the pixel before this word, in the highest bit */
    while (place < width) {
        uint32_t left = width - place;
        uint64_t word = left > 56 ? load_word(line + place / 8) : load_part(line + place / 8, (left + 7) / 8);
        uint64_t turns = word ^ (word >> 1 | last);
        if (left < 64)
            turns &= ~(UINT64_MAX >> left);
        last = word << 63;
        /* the other way round, since the lowest bit is taken off more quickly than the highest */
        for (turns = turns ? reverse_octets(__builtin_bswap64(turns)) : 0; turns; turns &= turns - 1)
            changes[count++] = place + (unsigned)__builtin_ctzll(turns);
        place += 64;
    }
    for (unsigned at = 0; at < 4; at++)
        changes[count + at] = width;
    return count;
}

/* Runs of white and black in turn (T.4, 4.1). */
static void put_by_itself(Writer *out, const uint32_t *changes, uint32_t width)
{
    uint32_t place = 0;
    for (;;) {
        put_run(out, WHITE_CODES, *changes - place);
        place = *changes++;
        if (place >= width)
            return;
        put_run(out, BLACK_CODES, *changes - place);
        place = *changes++;
        if (place >= width)
            return;
    }
}

/* Pass, vertical and horizontal mode against the changes of the line before (T.4, 4.2; T.6, 2.2). */
static void put_by_reference(Writer *out, const uint32_t *changes, const uint32_t *reference, uint32_t width)
{
    uint32_t a0 = 0, a = 0, b = 0; /* a, b: which change is a1 and b1 */
    while (a0 < width) {
        uint32_t a1 = changes[a];
        /* b1: the first change to the right of a0 that goes the way a1 goes; on the line's edge it may be at 0 */
        if (a0 | a)
            while (reference[b] <= a0 && reference[b] < width)
                b += 2;
        uint32_t b1 = reference[b], b2 = reference[b + 1], offset = a1 + 3 - b1;
        if ((offset <= 6) & ((b2 >= a1) | (b1 >= a1))) {
            put_code(out, MODE_VERTICAL[offset]);
            a0 = a1;
            a++;
            /* the colour is the other one now: b1 is the next change or, where that is far on, the one before */
            if (b && reference[b - 1] > a0)
                b--;
            else
                b++;
        } else if (b2 < a1) {
            put_code(out, MODE_PASS);
            a0 = b2;
        } else {
            const CodeWord *first = a % 2 ? BLACK_CODES : WHITE_CODES;
            const CodeWord *second = a % 2 ? WHITE_CODES : BLACK_CODES;
            uint32_t a2 = changes[a + 1];
            put_code(out, MODE_HORIZONTAL);
            put_run(out, first, a1 - a0);
            put_run(out, second, a2 - a1);
            a0 = a2;
            a += 2;
        }
    }
}

static void put_like_the_line_above(Writer *out, uint32_t changes)
{
    for (; changes >= 24; changes -= 24)
        put(out, 0xffffff, 24);
    put(out, (1u << (changes + 1)) - 1, changes + 1);
}

/* Code all lines; `line` and `above` have room for the changes of one each. Returns 0 when there is no memory. */
static int put_lines(Writer *out, const uint8_t *page, const StripForm *form, uint32_t *line, uint32_t *above)
{
    size_t octets = (form->width + 7) / 8;
    uint32_t changes = 0, until_by_itself = 0;
    for (unsigned at = 0; at < 4; at++) /* before the first line there is a white one */
        line[at] = form->width;
    for (uint32_t number = 0; number < form->height; number++, page += octets) {
        if (!reserve(out, form->width))
            return 0;
        int same = number && memcmp(page, page - octets, octets) == 0;
        if (!same) {
            uint32_t *free_one = above;
            above = line;
            line = free_one;
            changes = find_changes(page, form->width, line);
        }
        int by_itself = form->coding == CODING_MH;
        if (form->coding != CODING_MMR)
            put_eol(out, form->aligned);
        if (form->coding == CODING_MR) {
            by_itself = until_by_itself == 0;
            until_by_itself = by_itself ? form->k - 1 : until_by_itself - 1;
            put(out, (uint32_t)by_itself, 1);
        }
        if (by_itself)
            put_by_itself(out, line, form->width);
        else if (same)
            put_like_the_line_above(out, changes);
        else
            put_by_reference(out, line, above, form->width);
    }
    return 1;
}

uint8_t *encode_strip(const uint8_t *page, const StripForm *form, size_t *length)
{
    size_t entries = (size_t)form->width + 4;
    uint32_t *changes = malloc(2 * entries * sizeof *changes);
    Writer out = {.octets = FIRST_STRIP_OCTETS};
    out.room = malloc(out.octets);
    if (changes == NULL || out.room == NULL) {
        free(changes);
        free(out.room);
        return NULL;
    }
    int done = put_lines(&out, page, form, changes, changes + entries);
    free(changes);
    if (!done) {
        free(out.room);
        return NULL;
    }
    if (form->coding == CODING_MMR) { /* EOFB (T.6, 2.4.1.1) */
        put(&out, EOL_WORD, EOL_BITS);
        put(&out, EOL_WORD, EOL_BITS);
    }
    finish(&out, form->reversed);
    *length = length_of(&out);
    return out.room;
}
