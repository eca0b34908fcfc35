/* Where a grey page, looked at at few places, is of one kind over a square of them.
 *
 * What grounds of letters and pictures have and strokes do not; conneg/content/squares.py says the same with numpy.
 */
#include "bilevel.h"

#include <stdlib.h>
#include <string.h>

/* Take one pixel of every tile in a line of tiles. */
static void sample(const uint8_t *line, uint32_t tile_width, uint32_t columns, uint8_t *samples)
{
    line += tile_width / 2;
    for (uint32_t at = 0; at < columns; at++)
        samples[at] = line[(size_t)at * tile_width];
}

static void darker_of(uint8_t *these, const uint8_t *those, uint32_t count)
{
    for (uint32_t at = 0; at < count; at++)
        these[at] = those[at] < these[at] ? those[at] : these[at];
}

static void lighter_of(uint8_t *these, const uint8_t *those, uint32_t count)
{
    for (uint32_t at = 0; at < count; at++)
        these[at] = those[at] > these[at] ? those[at] : these[at];
}

/* Fold extremes of columns into those of `side` columns: each pass takes in one more of those that follow. */
static void fold(uint8_t *darkest, uint8_t *lightest, uint32_t side, uint32_t columns)
{
    for (uint32_t pass = 1; pass < side; pass++) {
        darker_of(darkest, darkest + 1, columns - pass);
        lighter_of(lightest, lightest + 1, columns - pass);
    }
}

/* Write to `hits` which squares are of the form, 1 or 0; returns how many. */
static size_t judge(const uint8_t *darkest, const uint8_t *lightest, const SquareForm *form, uint32_t squares, uint8_t *hits)
{
    size_t count = 0;
    for (uint32_t at = 0; at < squares; at++)
        hits[at] = (darkest[at] >= form->darkest) & (lightest[at] < form->lighter_than) &
                   ((uint8_t)(lightest[at] - darkest[at]) <= form->range);
    for (uint32_t at = 0; at < squares; at++)
        count += hits[at];
    return count;
}

static void note(Squares *found, size_t count, const uint8_t *hits, uint32_t squares, uint32_t row)
{
    const uint8_t *first = memchr(hits, 1, squares);
    uint32_t left = (uint32_t)(first - hits), right = squares - 1;
    while (!hits[right])
        right--;
    if (!found->count) {
        found->top = row;
        found->left = left;
    }
    found->count += count;
    found->bottom = row;
    found->left = left < found->left ? left : found->left;
    found->right = right > found->right ? right : found->right;
}

int find_squares(const uint8_t *grey, const SquareForm *form, Squares *found)
{
    uint32_t rows = form->height / form->tile_height, columns = form->width / form->tile_width, side = form->side;
    memset(found, 0, sizeof *found);
    if (rows < side || columns < side)
        return 1;
    uint8_t *samples = malloc((size_t)columns * (side + 3)); /* a ring of `side` lines, their extremes, and the hits */
    if (samples == NULL)
        return 0;
    uint8_t *darkest = samples + (size_t)columns * side, *lightest = darkest + columns, *hits = lightest + columns;
    for (uint32_t row = 0; row < rows; row++) {
        size_t line = (size_t)row * form->tile_height + form->tile_height / 2;
        sample(grey + line * form->width, form->tile_width, columns, samples + (size_t)(row % side) * columns);
        if (row + 1 < side)
            continue;
        memcpy(darkest, samples, columns);
        memcpy(lightest, samples, columns);
        for (uint32_t other = 1; other < side; other++) {
            darker_of(darkest, samples + (size_t)other * columns, columns);
            lighter_of(lightest, samples + (size_t)other * columns, columns);
        }
        fold(darkest, lightest, side, columns);
        size_t count = judge(darkest, lightest, form, columns - side + 1, hits);
        if (count)
            note(found, count, hits, columns - side + 1, row + 1 - side);
    }
    free(samples);
    return 1;
}
