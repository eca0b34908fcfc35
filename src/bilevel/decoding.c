/* From a strip in MH, MR or MMR to lines of bits, strictly: at the first code word that is none, it stops and says where.
 *
 * Hostile strips cost time in proportion to their octets and to the page's; nothing is read or written outside of both.
 */
#include "bilevel.h"
#include "bits.h"
#include "t4codes.h"

#include <stdlib.h>

#define LONGEST_CODE 13
#define LONGEST_MODE 7
#define EOL_ZEROS 11u

enum { PASS = 4, HORIZONTAL = 5 }; /* -3 to 3 are the vertical modes */

typedef struct {
    int16_t value; /* a run, or a mode */
    uint8_t bits;  /* 0: no code word begins so */
} Entry;

static Entry white_runs[1 << LONGEST_CODE], black_runs[1 << LONGEST_CODE], modes[1 << LONGEST_MODE];

static void enter(Entry *table, int longest, CodeWord code, int value)
{
    int first = code.word << (longest - code.bits), count = 1 << (longest - code.bits);
    for (int at = first; at < first + count; at++)
        table[at] = (Entry){(int16_t)value, code.bits};
}

void prepare_decoding(void)
{
    for (int at = 0; at < 104; at++) {
        int run = at < 64 ? at : 64 * (at - 63);
        enter(white_runs, LONGEST_CODE, WHITE_CODES[at], run);
        enter(black_runs, LONGEST_CODE, BLACK_CODES[at], run);
    }
    for (int offset = -3; offset <= 3; offset++)
        enter(modes, LONGEST_MODE, MODE_VERTICAL[offset + 3], offset);
    enter(modes, LONGEST_MODE, MODE_PASS, PASS);
    enter(modes, LONGEST_MODE, MODE_HORIZONTAL, HORIZONTAL);
}

typedef struct {
    const uint8_t *octets;
    size_t length, next; /* octets in all, and how many of them have been taken into `held` */
    uint64_t held;       /* the next `bits` bits, from the highest on; zeros below */
    unsigned bits;
    int reversed;
    const char *fault;
} Reader;

/* Hold at least 32 bits, or all that are left. */
static inline void fill(Reader *in)
{
    if (in->bits >= 32)
        return;
    if (in->length - in->next >= 8) {
        uint64_t word = load_word(in->octets + in->next);
        in->held |= (in->reversed ? reverse_octets(word) : word) >> in->bits;
        unsigned whole = (64 - in->bits) / 8;
        in->next += whole;
        in->bits += 8 * whole;
        in->held &= UINT64_MAX << (64 - in->bits); /* bits of an octet that is taken again next time */
        return;
    }
    while (in->bits <= 56 && in->next < in->length) {
        uint64_t octet = in->octets[in->next++];
        in->held |= (in->reversed ? reverse_octets(octet) : octet) << (56 - in->bits);
        in->bits += 8;
    }
}

static inline size_t position(const Reader *in)
{
    return 8 * in->next - in->bits;
}

static inline void skip(Reader *in, unsigned bits)
{
    in->held <<= bits;
    in->bits -= bits;
}

/* The value of the next code word in `table`; 0 with `fault` set where there is none. */
static inline int take(Reader *in, const Entry *table, int longest, const char *fault)
{
    fill(in);
    Entry found = table[in->held >> (64 - longest)];
    if (found.bits == 0 || found.bits > in->bits) {
        in->fault = in->bits ? fault : "the strip ends";
        return 0;
    }
    skip(in, found.bits);
    return found.value;
}

/* The length of a run: make-up codes, and a terminating one; more than `width` is a fault. */
static inline uint32_t take_run(Reader *in, int black, uint32_t width)
{
    uint32_t run = 0;
    for (;;) {
        int part = take(in, black ? black_runs : white_runs, LONGEST_CODE,
                        black ? "no code word of a black run" : "no code word of a white run");
        run += (uint32_t)part;
        if (run > width)
            in->fault = "a run longer than the line";
        if (part < 64 || in->fault)
            return run;
    }
}

/* EOL, with fill before it: eleven zeros or more, and a one. */
static void take_eol(Reader *in)
{
    size_t zeros = 0;
    for (;;) {
        fill(in);
        if (in->bits == 0)
            break;
        if (in->held) {
            unsigned more = (unsigned)__builtin_clzll(in->held);
            skip(in, more);
            skip(in, 1);
            if (zeros + more >= EOL_ZEROS)
                return;
            break;
        }
        zeros += in->bits;
        skip(in, in->bits - 1);
        skip(in, 1);
    }
    in->fault = "no EOL before it";
}

/* A line's changes of colour, of which no two are at one place, and four times the width after them. */
typedef struct {
    uint32_t *places;
    uint32_t count;
} Changes;

/* Add a change; two at the same place take each other back. Places only grow, so there are never more than pixels. */
static inline void add(Changes *line, uint32_t place)
{
    if (line->count && line->places[line->count - 1] == place)
        line->count--;
    else
        line->places[line->count++] = place;
}

static void end(Changes *line, uint32_t width)
{
    if (line->count && line->places[line->count - 1] == width)
        line->count--;
    for (unsigned at = 0; at < 4; at++)
        line->places[line->count + at] = width;
}

static void read_by_itself(Reader *in, Changes *line, uint32_t width)
{
    uint32_t place = 0;
    for (int black = 0; place < width; black = !black) {
        place += take_run(in, black, width);
        if (place > width)
            in->fault = "more pixels than the line has";
        if (in->fault)
            return;
        add(line, place);
    }
}

static void read_by_reference(Reader *in, Changes *line, const uint32_t *above, uint32_t width)
{
    uint32_t place = 0, b = 0; /* `b`: which change above is b1 */
    int black = 0, begun = 0;  /* until the line is begun, b1 may be at its very first pixel */
    while (place < width) {
        if (begun)
            while (above[b] <= place && above[b] < width)
                b += 2;
        int mode = take(in, modes, LONGEST_MODE, "no code word of a mode");
        if (in->fault)
            return;
        if (mode == PASS) {
            place = above[b + 1];
        } else if (mode == HORIZONTAL) {
            uint32_t one = place + take_run(in, black, width);
            if (in->fault)
                return;
            place = one + take_run(in, !black, width);
            if (place > width)
                in->fault = "more pixels than the line has";
            if (in->fault)
                return;
            add(line, one);
            add(line, place);
        } else {
            uint32_t one = above[b] + (uint32_t)mode; /* beyond the left edge it wraps round to a very large number */
            if (one > width || one < place) {
                in->fault = one > width ? "more pixels than the line has" : "a change of colour before the last one";
                return;
            }
            place = one;
            add(line, place);
            black = !black;
            b = b ? b - 1 : b + 1;
        }
        begun = 1;
    }
}

/* Blacken pixels `from` to before `to` of a white line. */
static inline void blacken(uint8_t *line, uint32_t from, uint32_t to)
{
    uint32_t first = from / 8, last = to / 8;
    uint8_t head = (uint8_t)(0xff >> from % 8), tail = (uint8_t)~(0xff >> to % 8);
    if (first == last) {
        line[first] |= head & tail;
        return;
    }
    line[first] |= head;
    if (last > first + 1)
        memset(line + first + 1, 0xff, last - first - 1);
    if (tail)
        line[last] |= tail;
}

static uint32_t read_lines(Reader *in, const StripForm *form, Changes line, Changes above, uint8_t *page)
{
    size_t octets = (form->width + 7) / 8;
    end(&line, form->width);
    for (uint32_t number = 0; number < form->height; number++, page += octets) {
        Changes free_one = above;
        above = line;
        line = free_one;
        line.count = 0;
        int by_itself = form->coding == CODING_MH;
        if (form->coding != CODING_MMR)
            take_eol(in);
        if (form->coding == CODING_MR && !in->fault) {
            fill(in);
            if (in->bits == 0)
                in->fault = "the strip ends";
            by_itself = in->held >> 63 != 0;
            if (!in->fault)
                skip(in, 1);
            if (!number && !by_itself && !in->fault)
                in->fault = "the first line must be coded by itself";
        }
        if (!in->fault) {
            if (by_itself)
                read_by_itself(in, &line, form->width);
            else
                read_by_reference(in, &line, above.places, form->width);
        }
        if (in->fault)
            return number;
        end(&line, form->width);
        for (uint32_t at = 0; at < line.count; at += 2)
            blacken(page, line.places[at], line.places[at + 1]);
    }
    return form->height;
}

Finding decode_strip(const uint8_t *strip, size_t length, const StripForm *form, uint8_t *page)
{
    size_t entries = (size_t)form->width + 6;
    uint32_t *places = malloc(2 * entries * sizeof *places);
    if (places == NULL)
        return (Finding){"no memory", 0, 0};
    memset(page, 0, (size_t)form->height * ((form->width + 7) / 8));
    Reader in = {.octets = strip, .length = length, .reversed = form->reversed};
    Finding found;
    found.line = read_lines(&in, form, (Changes){places, 0}, (Changes){places + entries, 0}, page);
    found.bit = position(&in);
    found.fault = in.fault;
    free(places);
    return found;
}
