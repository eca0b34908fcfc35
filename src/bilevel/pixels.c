/* From a grey page to bits: strokes by threshold, areas of shades by a screen.
 *
 * The same page, bit for bit, as conneg/content/halftone.py and tones.py make with numpy, which say why; the names of the
 * constants are theirs. A page is looked at in cells of 64 by 8 pixels, most of which are white and left at once.
 */
#include "bilevel.h"
#include "bits.h"

#include <stdlib.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#define TILE 8u
#define CELL 64u /* pixels of a cell along the line */
#define BLOCK 4u
#define PAPER 232
#define RIDGE 20
#define MIDDLE_LOW 40
#define MIDDLE_HIGH 216
#define FEW 3
#define MANY 44
#define INK_BELOW 96
#define FAINT_CONTRAST 40
#define MOST_RADIUS 60u
#define AHEAD 8u /* cells that are fetched before they are looked at: the page is larger than the cache */

typedef uint8_t Octets __attribute__((vector_size(16)));
typedef struct {
    Octets part[4];
} Line; /* 64 pixels of a line, or 64 truths: 255 and 0 */

typedef struct {
    const uint8_t *grey;
    uint8_t *copy, *white; /* the page filled up to whole cells, where it is not by itself; a white line */
    uint32_t lines, tile_lines, cells, octets; /* lines of pixels and of tiles; cells and octets a line */
    uint32_t block_high, block_lines, words;   /* lines of blocks, and words of 64 blocks in one */
    uint8_t *bits, *wide_bits;                 /* the page in black and white; its own where lines are no whole cells */
    uint8_t *middle, *ink, *shown;             /* a tile each; whether a cell is not white */
    uint64_t *shaded, *tones, *spare;          /* a bit a block, first in the highest bit */
    int any_middle, any_tones;
} Page;

static const uint8_t *line_at(const Page *page, uint32_t number)
{
    return number < page->lines ? page->grey + (size_t)number * page->cells * CELL : page->white;
}

static inline Line load(const uint8_t *pixels)
{
    Line line;
    memcpy(&line, pixels, sizeof line);
    return line;
}

static inline Line below(Line line, uint8_t limit)
{
    for (int at = 0; at < 4; at++)
        line.part[at] = (Octets)(line.part[at] < limit);
    return line;
}

static inline Line within(Line line, uint8_t low, uint8_t high)
{
    for (int at = 0; at < 4; at++)
        line.part[at] = (Octets)((Octets)(line.part[at] - low) < (uint8_t)(high - low));
    return line;
}

/* 64 truths as bits. */
static inline uint64_t packed(Line truths)
{
    uint64_t word = 0;
#if defined(__SSE2__)
    for (int at = 3; at >= 0; at--)
        word = word << 16 | (unsigned)_mm_movemask_epi8((__m128i)truths.part[at]);
    return __builtin_bswap64(reverse_octets(word));
#else
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    const uint64_t places = 0x0102040810204080u;
#else
    const uint64_t places = 0x8040201008040201u;
#endif
    uint64_t octets[8];
    memcpy(octets, &truths, sizeof octets);
    for (int at = 0; at < 8; at++)
        word = word << 8 | (octets[at] & places) * 0x0101010101010101u >> 56;
    return word;
#endif
}

/* The highest bit of every four, gathered: 16 bits. */
static inline uint64_t gathered(uint64_t word)
{
    word = word >> 3 & 0x1111111111111111u;
    word = (word | word >> 3) & 0x0303030303030303u;
    word = (word | word >> 6) & 0x000f000f000f000fu;
    word = (word | word >> 12) & 0x000000ff000000ffu;
    return (word | word >> 24) & 0xffff;
}

/* Which of 16 blocks have no paper at the six places where they are looked at. */
static inline uint64_t shaded_blocks(const Line *top, const Line *middle, const Line *bottom)
{
    Line outer = below(*top, PAPER), last = below(*bottom, PAPER);
    for (int at = 0; at < 4; at++)
        outer.part[at] &= last.part[at];
    uint64_t dark = packed(outer) | 0x5555555555555555u;
    dark &= packed(below(*middle, PAPER)) | 0xaaaaaaaaaaaaaaaau;
    dark &= dark << 1;
    return gathered(dark & dark << 2);
}

/* The darker of each two pixels. */
static inline Line darker(Line one, Line other)
{
    for (int at = 0; at < 4; at++) {
#if defined(__SSE2__)
        one.part[at] = (Octets)_mm_min_epu8((__m128i)one.part[at], (__m128i)other.part[at]);
#else
        Octets first = (Octets)(one.part[at] < other.part[at]);
        one.part[at] = (first & one.part[at]) | (~first & other.part[at]);
#endif
    }
    return one;
}

/* The sum of each eight of 64 octets. */
static inline void sum_tiles(const Octets *counts, uint8_t *sums)
{
#if defined(__SSE2__)
    for (int at = 0; at < 4; at++) {
        __m128i both = _mm_sad_epu8((__m128i)counts[at], _mm_setzero_si128());
        sums[2 * at] = (uint8_t)_mm_cvtsi128_si32(both);
        sums[2 * at + 1] = (uint8_t)_mm_extract_epi16(both, 4);
    }
#else
    uint8_t octets[CELL];
    memcpy(octets, counts, CELL);
    for (uint32_t tile = 0; tile < 8; tile++) {
        unsigned sum = 0;
        for (uint32_t at = tile * 8; at < tile * 8 + 8; at++)
            sum += octets[at];
        sums[tile] = (uint8_t)sum;
    }
#endif
}

/* Look at one cell that is not white: threshold, and what its tiles and blocks hold. */
static void survey_cell(Page *page, uint32_t tile_line, uint32_t cell, const uint8_t *const *pixels, uint8_t black_below)
{
    Octets count[4] = {{0}};
    Line lines[TILE], darkest;
    memset(&darkest, 0xff, sizeof darkest);
    for (uint32_t number = 0; number < TILE; number++)
        lines[number] = load(pixels[number] + cell * CELL);
    uint8_t *bits = page->bits + (size_t)tile_line * TILE * page->octets + cell * 8;
    uint32_t left = page->lines - tile_line * TILE; /* in the last tiles there may be fewer lines than the tile has */
    for (uint32_t number = 0; number < TILE && number < left; number++) {
        Line here = lines[number], grey = within(here, MIDDLE_LOW, MIDDLE_HIGH);
        store_word(bits + (size_t)number * page->octets, packed(below(here, black_below)));
        darkest = darker(darkest, here);
        for (int at = 0; at < 4; at++)
            count[at] -= grey.part[at];
    }
    uint8_t sums[8];
    uint64_t inked = packed(below(darkest, INK_BELOW));
    sum_tiles(count, sums);
    for (uint32_t tile = 0; tile < 8; tile++) {
        size_t place = (size_t)tile_line * page->octets + cell * 8 + tile;
        page->middle[place] = sums[tile];
        page->ink[place] = (inked >> (56 - 8 * tile) & 0xff) != 0;
        page->any_middle |= sums[tile] != 0;
    }
    uint32_t high = page->block_high;
    for (uint32_t block = 0; block < TILE / high; block++) {
        const Line *top = lines + block * high;
        uint64_t found = shaded_blocks(top, top + high / 2, top + high - 1);
        size_t row = (size_t)tile_line * (TILE / high) + block;
        page->shaded[row * page->words + cell / 4] |= found << (48 - 16 * (cell % 4));
    }
}

static void survey(Page *page, uint8_t black_below)
{
    for (uint32_t tile_line = 0; tile_line < page->tile_lines; tile_line++) {
        const uint8_t *pixels[TILE];
        for (uint32_t number = 0; number < TILE; number++)
            pixels[number] = line_at(page, tile_line * TILE + number);
        for (uint32_t cell = 0; cell < page->cells; cell++) {
            Octets all = {0};
            all = ~all;
            for (uint32_t number = 0; number < TILE; number++) {
                Line line = load(pixels[number] + cell * CELL);
                __builtin_prefetch(pixels[number] + (cell + AHEAD) * CELL);
                for (int at = 0; at < 4; at++)
                    all &= line.part[at];
            }
            uint64_t halves[2];
            memcpy(halves, &all, sizeof halves);
            if ((halves[0] & halves[1]) == UINT64_MAX)
                continue;
            page->shown[(size_t)tile_line * page->cells + cell] = 1;
            survey_cell(page, tile_line, cell, pixels, black_below);
        }
    }
}

/* Whether four neighbours among a few pixels are all darker than paper: without that there is no area of shades. */
static int may_have_tones(const Page *page)
{
    uint32_t step = 2 * page->block_high, width = page->cells * CELL, last = page->tile_lines * TILE;
    for (uint32_t number = step; number < last; number += step) {
        if (!memchr(page->shown + (size_t)(number / TILE) * page->cells, 1, page->cells))
            continue;
        const uint8_t *above = line_at(page, number - step), *here = line_at(page, number);
        for (uint32_t at = TILE; at < width; at += TILE)
            if (here[at] < PAPER && here[at - TILE] < PAPER && above[at] < PAPER && above[at - TILE] < PAPER)
                return 1;
    }
    return 0;
}

/* `line` with everything within `radius` along it, into `out`; `columns` bits count. */
static void spread_along(const uint64_t *line, uint64_t *out, uint32_t words, uint32_t columns, uint32_t radius)
{
    for (uint32_t at = 0; at < words; at++) {
        uint64_t before = at ? line[at - 1] : 0, after = at + 1 < words ? line[at + 1] : 0, sum = line[at];
        for (uint32_t step = 1; step <= radius; step++) {
            sum |= line[at] << step | after >> (64 - step);
            sum |= line[at] >> step | before << (64 - step);
        }
        out[at] = sum;
    }
    if (columns % 64)
        out[words - 1] &= ~(UINT64_MAX >> columns % 64);
}

/* `area` with everything within `radius` of it, along both axes, into `out`. */
static void spread(const Page *page, uint64_t *area, uint64_t *out, uint32_t columns, uint32_t radius)
{
    uint32_t words = page->words, lines = page->block_lines;
    for (uint32_t number = 0; number < lines; number++) {
        spread_along(area + (size_t)number * words, out, words, columns, radius);
        memcpy(area + (size_t)number * words, out, words * sizeof *out);
    }
    for (uint32_t number = 0; number < lines; number++) {
        uint32_t first = number > radius ? number - radius : 0;
        uint32_t last = number + radius < lines ? number + radius : lines - 1;
        uint64_t *sum = out + (size_t)number * words;
        memcpy(sum, area + (size_t)first * words, words * sizeof *sum);
        for (uint32_t other = first + 1; other <= last; other++)
            for (uint32_t at = 0; at < words; at++)
                sum[at] |= area[(size_t)other * words + at];
    }
}

static void invert(const Page *page, uint64_t *area, uint32_t columns)
{
    for (uint32_t number = 0; number < page->block_lines; number++) {
        uint64_t *line = area + (size_t)number * page->words;
        for (uint32_t at = 0; at < page->words; at++)
            line[at] = ~line[at];
        if (columns % 64)
            line[page->words - 1] &= ~(UINT64_MAX >> columns % 64);
    }
}

/* Shaded blocks without strokes: what is left when `radius` is taken off every area and put on again. */
static void find_tones(Page *page, uint32_t columns, uint32_t radius)
{
    size_t all = (size_t)page->block_lines * page->words;
    if (!may_have_tones(page))
        return;
    memcpy(page->spare, page->shaded, all * sizeof *page->spare);
    invert(page, page->spare, columns);
    spread(page, page->spare, page->tones, columns, radius);
    invert(page, page->tones, columns);
    uint64_t any = 0;
    for (size_t at = 0; at < all; at++)
        any |= page->spare[at] = page->tones[at];
    if (!any) /* nothing is broader than a stroke */
        return;
    spread(page, page->spare, page->tones, columns, radius);
    any = 0;
    for (size_t at = 0; at < all; at++)
        any |= page->tones[at] &= page->shaded[at];
    page->any_tones = any != 0;
}

/* Thin horizontal strokes between two coarse lines. */
static void keep_ridges(Page *page)
{
    for (uint32_t number = 2; number < page->lines && number + 2 < page->tile_lines * TILE; number++) {
        const uint8_t *shown = page->shown + (size_t)(number / TILE) * page->cells;
        const uint8_t *near[5];
        for (uint32_t at = 0; at < 5; at++)
            near[at] = line_at(page, number + at - 2);
        for (uint32_t cell = 0; cell < page->cells; cell++) {
            if (!shown[cell])
                continue;
            size_t place = (size_t)cell * CELL;
            Line here = load(near[2] + place), before = load(near[1] + place), after = load(near[3] + place);
            Line sides = darker(load(near[0] + place), load(near[4] + place)), ridge;
            for (int at = 0; at < 4; at++) {
                Octets i = here.part[at], s = sides.part[at];
                ridge.part[at] = (Octets)(i < PAPER) & (Octets)(i <= before.part[at]) & (Octets)(i < after.part[at]) &
                                 (Octets)(s > RIDGE) & (Octets)(i < s - RIDGE);
            }
            uint8_t *bits = page->bits + (size_t)number * page->octets + cell * 8;
            store_word(bits, load_word(bits) | packed(ridge));
        }
    }
}

static int block_of(const Page *page, const uint64_t *area, uint32_t line, uint32_t column)
{
    return area[(size_t)line * page->words + column / 64] >> (63 - column % 64) & 1;
}

static int tile_in_tones(const Page *page, uint32_t line, uint32_t column)
{
    uint32_t high = TILE / page->block_high;
    for (uint32_t row = line * high; row < (line + 1) * high; row++)
        if (block_of(page, page->tones, row, 2 * column) || block_of(page, page->tones, row, 2 * column + 1))
            return 1;
    return 0;
}

static int has_ink_around(const Page *page, uint32_t line, uint32_t column, uint32_t columns)
{
    for (uint32_t y = line ? line - 1 : 0; y <= line + 1 && y < page->tile_lines; y++)
        for (uint32_t x = column ? column - 1 : 0; x <= column + 1 && x < columns; x++)
            if (page->ink[(size_t)y * page->octets + x] && !(page->any_tones && tile_in_tones(page, y, x)))
                return 1;
    return 0;
}

/* A tile of grey strokes without any black around gets a threshold between stroke and paper. */
static void keep_faint_tile(Page *page, uint32_t line, uint32_t column)
{
    uint8_t darkest = 255, lightest = 0;
    for (uint32_t y = line * TILE; y < (line + 1) * TILE; y++) {
        const uint8_t *pixels = line_at(page, y) + column * TILE;
        for (uint32_t x = 0; x < TILE; x++) {
            darkest = pixels[x] < darkest ? pixels[x] : darkest;
            lightest = pixels[x] > lightest ? pixels[x] : lightest;
        }
    }
    if (lightest - darkest < FAINT_CONTRAST)
        return;
    int threshold = (darkest + lightest) / 2;
    for (uint32_t y = line * TILE; y < (line + 1) * TILE && y < page->lines; y++) {
        const uint8_t *pixels = line_at(page, y) + column * TILE;
        uint8_t marks = 0;
        for (uint32_t x = 0; x < TILE; x++)
            marks = (uint8_t)(marks << 1 | (pixels[x] < threshold));
        page->bits[(size_t)y * page->octets + column] |= marks;
    }
}

static void keep_faint_strokes(Page *page, uint32_t columns)
{
    for (uint32_t line = 0; line < page->tile_lines; line++)
        for (uint32_t cell = 0; cell < page->cells; cell++) {
            if (!page->shown[(size_t)line * page->cells + cell])
                continue;
            for (uint32_t column = cell * 8; column < cell * 8 + 8 && column < columns; column++) {
                uint8_t middle = page->middle[(size_t)line * page->octets + column];
                if (middle >= FEW && middle < MANY && !has_ink_around(page, line, column, columns))
                    keep_faint_tile(page, line, column);
            }
        }
}

/* Replace areas of shades by their screened image; `limits` is `side` lines of the page's width. */
static void screen_tones(Page *page, const uint8_t *limits, uint32_t side)
{
    for (uint32_t number = 0; number < page->lines; number++) {
        const uint64_t *tones = page->tones + (size_t)(number / page->block_high) * page->words;
        const uint8_t *pixels = line_at(page, number), *cells = limits + (size_t)(number % side) * page->cells * CELL;
        for (uint32_t cell = 0; cell < page->cells; cell++) {
            uint64_t chosen = tones[cell / 4] >> (48 - 16 * (cell % 4)) & 0xffff;
            if (!chosen)
                continue;
            chosen = (chosen | chosen << 24) & 0x000000ff000000ffu;
            chosen = (chosen | chosen << 12) & 0x000f000f000f000fu;
            chosen = (chosen | chosen << 6) & 0x0303030303030303u;
            chosen = ((chosen | chosen << 3) & 0x1111111111111111u) * 15;
            Line shades = load(pixels + cell * CELL), limit = load(cells + cell * CELL);
            for (int at = 0; at < 4; at++)
                shades.part[at] = (Octets)(shades.part[at] < limit.part[at]);
            uint8_t *bits = page->bits + (size_t)number * page->octets + cell * 8;
            store_word(bits, (load_word(bits) & ~chosen) | (packed(shades) & chosen));
        }
    }
}

static void release(Page *page)
{
    free(page->copy);
    free(page->white);
    free(page->wide_bits);
    free(page->middle);
    free(page->shaded);
}

/* Set up `page`; returns 0 when there is no memory. */
static int prepare(Page *page, const GreyForm *form, const uint8_t *grey, uint8_t *bits)
{
    page->grey = grey;
    page->lines = form->height;
    page->tile_lines = (form->height + TILE - 1) / TILE;
    page->cells = (form->width + CELL - 1) / CELL;
    page->octets = page->cells * 8;
    page->block_high = form->block_high;
    page->block_lines = page->tile_lines * (TILE / form->block_high);
    page->words = (page->cells + 3) / 4;
    size_t width = (size_t)page->cells * CELL, tiles = (size_t)page->tile_lines * page->octets;
    size_t blocks = (size_t)page->block_lines * page->words;
    page->white = malloc(width);
    page->wide_bits = form->width % CELL ? malloc((size_t)page->octets * form->height) : NULL;
    page->bits = form->width % CELL ? page->wide_bits : bits;
    page->middle = calloc(tiles * 2 + (size_t)page->tile_lines * page->cells, 1);
    page->shaded = calloc(blocks * 3, sizeof *page->shaded);
    page->copy = form->width % CELL ? malloc(width * form->height) : NULL;
    if (!page->white || !page->bits || !page->middle || !page->shaded || (form->width % CELL && !page->copy))
        return 0;
    page->ink = page->middle + tiles;
    page->shown = page->ink + tiles;
    page->tones = page->shaded + blocks;
    page->spare = page->tones + blocks;
    memset(page->bits, 0, (size_t)page->octets * form->height);
    memset(page->white, 0xff, width);
    for (uint32_t line = 0; page->copy && line < form->height; line++) {
        memcpy(page->copy + line * width, grey + (size_t)line * form->width, form->width);
        memset(page->copy + line * width + form->width, 0xff, width - form->width);
    }
    if (page->copy)
        page->grey = page->copy;
    return 1;
}

/* The screen's thresholds, repeated along lines of the page's width; NULL when there is no memory. */
static uint8_t *screen_lines(const Page *page, const GreyForm *form)
{
    size_t width = (size_t)page->cells * CELL;
    uint8_t *limits = malloc(width * form->side);
    for (uint32_t line = 0; limits != NULL && line < form->side; line++)
        for (size_t at = 0; at < width; at += form->side)
            memcpy(limits + line * width + at, form->screen + (size_t)line * form->side,
                   width - at < form->side ? width - at : form->side);
    return limits;
}

int make_bilevel(const uint8_t *grey, const GreyForm *form, uint8_t *bits)
{
    Page page = {0};
    if (!prepare(&page, form, grey, bits)) {
        release(&page);
        return 0;
    }
    uint32_t columns = (form->width + TILE - 1) / TILE;
    survey(&page, form->black_below);
    find_tones(&page, 2 * columns, form->radius < MOST_RADIUS ? form->radius : MOST_RADIUS);
    if (page.any_middle && form->ridges)
        keep_ridges(&page);
    if (page.any_middle)
        keep_faint_strokes(&page, columns);
    uint8_t *limits = page.any_tones ? screen_lines(&page, form) : NULL;
    int done = limits != NULL || !page.any_tones;
    if (limits != NULL)
        screen_tones(&page, limits, form->side);
    free(limits);
    for (uint32_t line = 0; page.wide_bits && line < form->height; line++)
        memcpy(bits + (size_t)line * columns, page.bits + (size_t)line * page.octets, columns);
    release(&page);
    return done;
}
