/* Bi-level pages: strips in MH, MR and MMR, and grey pages to bits. Plain C, no Python; safe on any input.
 *
 * A page is `height` lines of (width + 7) / 8 octets each, first pixel in the highest bit, 1 is black. What lies beyond
 * the width in the last octet of a line is not looked at, and is written as 0.
 */
#ifndef BILEVEL_H
#define BILEVEL_H

#include <stddef.h>
#include <stdint.h>

#define MAX_LINE_PIXELS (1u << 20) /* lines beyond this are refused: no facsimile has a hundredth of it */

typedef enum { CODING_MH = 0, CODING_MR = 1, CODING_MMR = 2 } Coding;

/* How a strip is coded. `k`: of so many lines of MR the first is coded by itself. `aligned`: EOLs end on an octet.
 * `reversed`: the first bit of an octet is its lowest (FillOrder 2). */
typedef struct {
    uint32_t width, height;
    Coding coding;
    uint32_t k;
    int aligned, reversed;
} StripForm;

/* Where decoding stopped, lines and bits counted from 0; `fault` is a text, or NULL when nothing is wrong. */
typedef struct {
    const char *fault;
    uint32_t line;
    size_t bit;
} Finding;

/* Code `page`. Returns the strip, to be freed, and its length; NULL when there is no memory. */
uint8_t *encode_strip(const uint8_t *page, const StripForm *form, size_t *length);

/* To be called once, before any decoding. */
void prepare_decoding(void);

/* Decode `strip` into `page`, which is cleared first. The octets after the last line are not looked at. */
Finding decode_strip(const uint8_t *strip, size_t length, const StripForm *form, uint8_t *page);

/* How a grey page, 0 black and 255 white, becomes bi-level: what is darker than `black_below` is black. Areas of shades are
 * looked for in blocks of 4 by `block_high` (2 or 4) pixels, and `radius` blocks are taken off them; they are screened with
 * `side` by `side` thresholds. `ridges`: thin strokes between two coarse lines are kept. */
typedef struct {
    uint32_t width, height;
    uint8_t black_below;
    uint32_t block_high, radius;
    int ridges;
    const uint8_t *screen;
    uint32_t side;
} GreyForm;

/* Make `bits`, a page of (width + 7) / 8 octets a line, of `grey`. Returns 0 when there is no memory. */
int make_bilevel(const uint8_t *grey, const GreyForm *form, uint8_t *bits);

/* The middle pixel of each whole tile is looked at. A square of `side` by `side` tiles counts where all of these pixels are
 * at least `darkest`, less than `lighter_than`, and within `range` of each other. */
typedef struct {
    uint32_t width, height, tile_width, tile_height, side;
    uint8_t darkest, lighter_than, range;
} SquareForm;

/* How many squares there are, and the first and last row and column of tiles in which one begins. */
typedef struct {
    size_t count;
    uint32_t top, bottom, left, right;
} Squares;

/* Look for squares in the page `grey`. Returns 0 when there is no memory. */
int find_squares(const uint8_t *grey, const SquareForm *form, Squares *found);

#endif
