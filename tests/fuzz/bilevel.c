/* Fuzzing of src/bilevel under AddressSanitizer and UBSan: `bilevel SEED ROUNDS`. Buffers have exactly the octets they need.
 *
 * Each round codes a random page, decodes its strip and expects the page again; then damages the strip, or makes one up,
 * and decodes that in the hope of a fault that the sanitizers see.
 */
#include "../../src/bilevel/bilevel.h"
#include "chance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint8_t *exactly(size_t length)
{
    uint8_t *octets = malloc(length ? length : 1);
    if (octets == NULL)
        abort();
    return octets;
}

/* A page of runs; some lines are like the one above but for a few octets. */
static void fill_page(uint8_t *page, const StripForm *form)
{
    size_t octets = (form->width + 7) / 8;
    for (uint32_t line = 0; line < form->height; line++, page += octets) {
        if (line && draw(3)) {
            memcpy(page, page - octets, octets);
            for (uint32_t changes = draw(3); changes; changes--)
                page[draw((uint32_t)octets)] ^= (uint8_t)(1u << draw(8));
        } else {
            uint32_t kind = draw(4), run = 0;
            uint8_t octet = 0;
            for (size_t at = 0; at < octets; at++, run = run ? run - 1 : 0) {
                if (!run) {
                    run = draw(kind == 1 ? 200 : 4);
                    octet = draw(2) ? 0xff : 0;
                }
                page[at] = kind ? octet : (uint8_t)draw(256);
            }
        }
        if (form->width % 8)
            page[octets - 1] &= (uint8_t)~(0xff >> form->width % 8);
    }
}

static void damage(uint8_t *strip, size_t length)
{
    for (uint32_t times = 1 + draw(4); length && times; times--) {
        size_t at = draw((uint32_t)length);
        if (draw(4))
            strip[at] ^= (uint8_t)(1u << draw(8));
        else
            memset(strip + at, draw(2) ? 0 : (int)draw(256), 1 + draw((uint32_t)(length - at)));
    }
}

static int round_trip(const StripForm *form)
{
    size_t octets = (size_t)form->height * ((form->width + 7) / 8), length = 0;
    uint8_t *page = exactly(octets), *back = exactly(octets);
    fill_page(page, form);
    uint8_t *coded = encode_strip(page, form, &length);
    if (coded == NULL)
        abort();
    uint8_t *strip = exactly(length);
    memcpy(strip, coded, length);
    free(coded);
    Finding found = decode_strip(strip, length, form, back);
    int right = found.fault == NULL && memcmp(page, back, octets) == 0;
    if (!right)
        printf("coding %d, %u by %u: %s\n", form->coding, form->width, form->height, found.fault ? found.fault : "other");
    damage(strip, length);
    decode_strip(strip, length, form, back);
    size_t shorter = length ? draw((uint32_t)length) : 0;
    uint8_t *cut = exactly(shorter);
    memcpy(cut, strip, shorter);
    decode_strip(cut, shorter, form, back);
    free(cut);
    for (size_t at = 0; at < length; at++)
        strip[at] = (uint8_t)draw(256);
    decode_strip(strip, length, form, back);
    free(strip);
    free(page);
    free(back);
    return right;
}

/* A grey page of shades, strokes and noise, in a buffer of its own size. */
static void make_grey(const GreyForm *form)
{
    size_t pixels = (size_t)form->width * form->height;
    uint8_t *grey = exactly(pixels), *bits = exactly((size_t)form->height * ((form->width + 7) / 8));
    memset(grey, draw(2) ? 255 : (int)draw(256), pixels);
    for (uint32_t times = draw(40); times; times--) {
        size_t at = draw((uint32_t)pixels);
        memset(grey + at, (int)draw(256), 1 + draw((uint32_t)(pixels - at > 90 ? 90 : pixels - at)));
    }
    if (!make_bilevel(grey, form, bits))
        abort();
    SquareForm squares = {.width = form->width, .height = form->height, .tile_width = 1 + draw(20)};
    squares.tile_height = 1 + draw(20);
    squares.side = 1 + draw(4);
    squares.darkest = (uint8_t)draw(256);
    squares.lighter_than = (uint8_t)draw(256);
    squares.range = (uint8_t)draw(256);
    Squares found;
    if (!find_squares(grey, &squares, &found))
        abort();
    if (found.count && (found.top > found.bottom || found.left > found.right))
        abort();
    free(grey);
    free(bits);
}

int main(int count, char **arguments)
{
    state = 0x9e3779b97f4a7c15u + strtoull(count > 1 ? arguments[1] : "1", NULL, 10);
    unsigned long rounds = strtoul(count > 2 ? arguments[2] : "1000", NULL, 10);
    prepare_decoding();
    for (unsigned long number = 0; number < rounds; number++) {
        StripForm form = {.width = 1 + draw(draw(4) ? 100 : 5000), .height = 1 + draw(12)};
        form.coding = (Coding)draw(3);
        form.k = 1 + draw(4);
        form.aligned = (int)draw(2);
        form.reversed = (int)draw(2);
        if (!round_trip(&form))
            return 1;
        uint8_t screen[24 * 24];
        for (size_t at = 0; at < sizeof screen; at++)
            screen[at] = (uint8_t)(1 + draw(255));
        GreyForm grey = {.width = 1 + draw(200), .height = 1 + draw(60), .black_below = (uint8_t)draw(256)};
        grey.block_high = draw(2) ? 2 : 4;
        grey.radius = 1 + draw(draw(4) ? 6 : 100);
        grey.ridges = (int)draw(2);
        grey.screen = screen;
        grey.side = 8 * (1 + draw(3));
        make_grey(&grey);
    }
    printf("%lu rounds, no finding\n", rounds);
    return 0;
}
