/* Glyphs as pdfium draws them: each drawn once for a document, on a strip of its own, and kept.
 *
 * pdfium sets every glyph on a whole pixel, so that a glyph at one size looks the same wherever it stands.
 */
#include "typeset.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ROW 256u          /* codes that are kept together */
#define MARGIN 6          /* white pixels around a glyph, of which the outer ones must stay white */
#define MOST_PIXELS 400   /* a glyph's height and width */
#define MOST_FONTS 64u
#define MOST_FACES 256u
#define MOST_OCTETS (16u << 20)
#define WHITE 255
#define GREY_FORM 1       /* FPDFBitmap_Gray */
#define GREY_FLAG 8       /* FPDF_GRAYSCALE */
#define PROBE_SIZE 1000
#define ALMOST_HALF 0.495F /* of a pixel */

/* Where a wanted glyph stands on the strip, and the room that it has there. */
typedef struct {
    uint32_t code;
    int32_t origin, left, right;
} Cell;

/* A line of cells. */
typedef struct {
    Cell *cells;
    size_t count;
    int32_t base, lines; /* of the origins below the strip's top; what is inked at most */
} Line;

static void *kept(Cabinet *cabinet, size_t count, size_t size)
{
    cabinet->octets += count * size;
    return calloc(count, size);
}

int has_room(void **list, size_t *space, size_t wanted, size_t size)
{
    if (wanted <= *space)
        return 1;
    size_t larger = *space ? *space : 64;
    while (larger < wanted)
        larger *= 2;
    void *moved = realloc(*list, larger * size);
    if (moved == NULL)
        return 0;
    *list = moved;
    *space = larger;
    return 1;
}

Font *font_of(Cabinet *cabinet, void *handle)
{
    for (size_t number = 0; number < cabinet->font_count; number++)
        if (cabinet->fonts[number]->font == handle)
            return cabinet->fonts[number];
    size_t needed;
    const Pdfium *pdfium = cabinet->pdfium;
    if (!pdfium->FPDFFont_GetFontData(handle, NULL, 0, &needed) ||
        !has_room((void **)&cabinet->fonts, &cabinet->font_space, cabinet->font_count + 1, sizeof *cabinet->fonts))
        return NULL;
    void *probe = pdfium->FPDFPageObj_CreateTextObj(cabinet->document, handle, PROBE_SIZE);
    Font *font = probe ? kept(cabinet, 1, sizeof *font) : NULL;
    if (font == NULL || pdfium->FPDFTextObj_GetFont(probe) != handle) {
        if (probe)
            pdfium->FPDFPageObj_Destroy(probe);
        free(font);
        return NULL;
    }
    font->font = handle;
    font->probe = probe;
    font->is_embedded = pdfium->FPDFFont_GetIsEmbedded(handle) == 1;
    return cabinet->fonts[cabinet->font_count++] = font;
}

Face *face_of(Cabinet *cabinet, Font *font, float size, const Matrix *matrix, const Stage *stage)
{
    for (size_t number = 0; number < cabinet->face_count; number++) {
        Face *face = cabinet->faces[number];
        if (face->font == font && face->size == size && face->a == matrix->a && face->d == matrix->d &&
            face->scale_x == stage->scale_x && face->scale_y == stage->scale_y)
            return face;
    }
    if (!has_room((void **)&cabinet->faces, &cabinet->face_space, cabinet->face_count + 1, sizeof *cabinet->faces))
        return NULL;
    Face *face = kept(cabinet, 1, sizeof *face);
    if (face == NULL)
        return NULL;
    *face = (Face){.font = font, .size = size, .a = matrix->a, .d = matrix->d,
                   .scale_x = stage->scale_x, .scale_y = stage->scale_y};
    return cabinet->faces[cabinet->face_count++] = face;
}

/* Ask pdfium for the bounds of one letter, or of the same letter twice. */
static int ask_bounds(const Pdfium *pdfium, void *probe, uint32_t code, size_t count, Metrics *found)
{
    uint32_t codes[2] = {code, code};
    return pdfium->FPDFText_SetCharcodes(probe, codes, count) &&
           pdfium->FPDFPageObj_GetBounds(probe, &found->left, &found->bottom, &found->right, &found->top);
}

const Metrics *metrics_of(Cabinet *cabinet, Font *font, uint32_t code)
{
    Metrics **row = &font->rows[code / ROW % 256];
    if (*row == NULL && (*row = kept(cabinet, ROW, sizeof **row)) == NULL)
        return NULL;
    Metrics *metrics = *row + code % ROW, twice;
    if (!metrics->is_known) {
        int done = ask_bounds(cabinet->pdfium, font->probe, code, 2, &twice) &&
                   ask_bounds(cabinet->pdfium, font->probe, code, 1, metrics);
        metrics->advance = done ? twice.right - metrics->right : NAN; /* what has no bounds fits nowhere */
        metrics->is_known = 1;
    }
    return metrics;
}

Glyph *glyph_of(Cabinet *cabinet, Face *face, uint32_t code)
{
    Glyph **row = &face->rows[code / ROW % 256];
    if (*row == NULL && (*row = kept(cabinet, ROW, sizeof **row)) == NULL)
        return NULL;
    Glyph *glyph = *row + code % ROW;
    if (glyph->state != UNSEEN)
        return glyph;
    if (!has_room((void **)&face->wanted, &face->wanted_space, face->wanted_count + 1, sizeof *face->wanted))
        return NULL;
    face->wanted[face->wanted_count++] = code;
    glyph->state = UNUSABLE; /* until it is drawn */
    return glyph;
}

/* Put as many wanted glyphs on a line as there is room for, and take them off the list. */
static void fill_line(Cabinet *cabinet, Face *face, int32_t width, Line *line)
{
    float across = face->size * face->a * face->scale_x / 1000, down = face->size * face->d * face->scale_y / 1000;
    float above = 0, below = 0;
    int32_t pen = 0;
    size_t taken = 0;
    line->count = 0;
    for (; taken < face->wanted_count; taken++) {
        uint32_t code = face->wanted[taken];
        const Metrics *metrics = metrics_of(cabinet, face->font, code);
        if (metrics == NULL)
            continue;
        float left = metrics->left * across, right = metrics->right * across;
        float top = metrics->top * down, bottom = metrics->bottom * down;
        if (!(right - left < MOST_PIXELS && top - bottom < MOST_PIXELS && fabsf(left) < MOST_PIXELS &&
              fabsf(top) < MOST_PIXELS / 2 && fabsf(bottom) < MOST_PIXELS / 2))
            continue; /* stays unusable */
        Cell cell = {code, pen + MARGIN - (int32_t)floorf(left), pen, 0};
        cell.right = cell.origin + (int32_t)ceilf(right) + MARGIN;
        if (cell.right > width)
            break;
        line->cells[line->count++] = cell;
        pen = cell.right;
        above = top > above ? top : above;
        below = -bottom > below ? -bottom : below;
    }
    if (!taken) /* broader than the strip */
        taken = 1;
    face->wanted_count -= taken;
    memmove(face->wanted, face->wanted + taken, face->wanted_count * sizeof *face->wanted);
    line->base = (int32_t)ceilf(above) + MARGIN;
    line->lines = line->base + (int32_t)ceilf(below) + MARGIN;
}

/* Draw a line of glyphs on the white strip, their origins so far off whole pixels. Returns 0 where that cannot be. */
static int draw_line(Cabinet *cabinet, const Face *face, const Line *line, const Stage *stage, float off, uint8_t *strip)
{
    const Pdfium *pdfium = cabinet->pdfium;
    uint32_t codes[MOST_SIDE / (2 * MARGIN)];
    float positions[MOST_SIDE / (2 * MARGIN)], scale = face->a * face->scale_x;
    Matrix matrix = {face->a, 0, 0, face->d, 0, 0};
    matrix.e = ((float)line->cells[0].origin + off) / face->scale_x + stage->box.left;
    matrix.f = ((float)stage->height - (float)line->base) / face->scale_y + stage->box.bottom;
    for (size_t number = 0; number < line->count; number++) {
        codes[number] = line->cells[number].code;
        if (number)
            positions[number - 1] = (float)(line->cells[number].origin - line->cells[0].origin) / scale;
    }
    memset(strip, WHITE, (size_t)line->lines * stage->width);
    void *text = pdfium->FPDFPageObj_CreateTextObj(cabinet->document, face->font->font, face->size);
    void *bitmap = pdfium->FPDFBitmap_CreateEx(stage->width, line->lines, GREY_FORM, strip, stage->width);
    int done = text && bitmap && pdfium->FPDFText_SetCharcodes(text, codes, line->count) &&
               (line->count < 2 || pdfium->FPDFText_SetPositions(text, positions, line->count - 1)) &&
               pdfium->FPDFPageObj_SetMatrix(text, &matrix) && pdfium->FPDFPage_InsertObject(stage->page, text);
    if (done) {
        pdfium->FPDF_RenderPageBitmap(bitmap, stage->page, 0, 0, stage->width, stage->height, 0, GREY_FLAG);
        pdfium->FPDFPage_RemoveObject(stage->page, text);
    }
    if (bitmap)
        pdfium->FPDFBitmap_Destroy(bitmap);
    if (text)
        pdfium->FPDFPageObj_Destroy(text);
    return done;
}

/* Take a glyph out of its cell. It stays unusable where its ink reaches the edge of the cell. */
static int cut_out(Cabinet *cabinet, const Cell *cell, const Line *line, const uint8_t *strip, size_t stride, Glyph *glyph)
{
    int32_t left = cell->right, right = cell->left, top = line->lines, bottom = 0;
    for (int32_t y = 0; y < line->lines; y++)
        for (int32_t x = cell->left; x < cell->right; x++)
            if (strip[(size_t)y * stride + x] != WHITE) {
                left = x < left ? x : left;
                right = x + 1 > right ? x + 1 : right;
                top = y < top ? y : top;
                bottom = y + 1;
            }
    if (left < right && (left == cell->left || right == cell->right || top == 0 || bottom == line->lines))
        return 1;
    glyph->state = DRAWN;
    if (left >= right)
        return 1;
    glyph->left = (int16_t)(left - cell->origin);
    glyph->top = (int16_t)(top - line->base);
    glyph->columns = (uint16_t)(right - left);
    glyph->rows = (uint16_t)(bottom - top);
    glyph->stride = (uint16_t)((glyph->columns + 15) / 16 * 16);
    glyph->inked = kept(cabinet, glyph->rows, glyph->stride);
    if (glyph->inked == NULL) {
        glyph->state = UNUSABLE;
        return 0;
    }
    for (int32_t y = 0; y < glyph->rows; y++)
        for (int32_t x = 0; x < glyph->columns; x++)
            glyph->inked[y * glyph->stride + x] = (uint8_t)(WHITE - strip[(size_t)(top + y) * stride + left + x]);
    return 1;
}

/* Whether a glyph looks the same in both strips. */
static int is_same(const Cell *cell, const Line *line, const uint8_t *one, const uint8_t *other, size_t stride)
{
    for (int32_t y = 0; y < line->lines; y++)
        if (memcmp(one + (size_t)y * stride + cell->left, other + (size_t)y * stride + cell->left,
                   (size_t)(cell->right - cell->left)))
            return 0;
    return 1;
}

/* Draw and cut out a line. Glyphs of a font that stands for another may be set off by a part of a pixel: they are drawn
 * twice, almost half a pixel to both sides, and are of use only where that makes no difference. */
static int make_line(Cabinet *cabinet, Face *face, const Line *line, const Stage *stage, uint8_t *strips[2])
{
    int twice = !face->font->is_embedded, done = 1;
    if (!draw_line(cabinet, face, line, stage, twice ? -ALMOST_HALF : 0, strips[0]) ||
        (twice && !draw_line(cabinet, face, line, stage, ALMOST_HALF, strips[1])))
        return 1;
    for (size_t number = 0; number < line->count; number++) {
        const Cell *cell = line->cells + number;
        Glyph *glyph = face->rows[cell->code / ROW % 256] + cell->code % ROW;
        if (!twice || is_same(cell, line, strips[0], strips[1], (size_t)stage->width))
            done &= cut_out(cabinet, cell, line, strips[0], (size_t)stage->width, glyph);
        if (twice && !glyph->inked && cell->code != ' ')
            glyph->state = UNUSABLE; /* a letter that is in no font: pdfium leaves it out when it adjusts the spaces */
    }
    return done;
}

int draw_wanted(Cabinet *cabinet, const Stage *stage)
{
    size_t octets = (size_t)LEAST_SIDE * stage->width, wanted = 0;
    for (size_t number = 0; number < cabinet->face_count; number++)
        wanted += cabinet->faces[number]->wanted_count;
    if (!wanted)
        return 1;
    uint8_t *strips[2] = {malloc(2 * octets), NULL};
    Line line = {.cells = malloc(MOST_SIDE / (2 * MARGIN) * sizeof *line.cells)};
    int done = strips[0] && line.cells;
    strips[1] = strips[0] + octets;
    for (size_t number = 0; done && number < cabinet->face_count; number++) {
        Face *face = cabinet->faces[number];
        while (done && face->wanted_count) {
            fill_line(cabinet, face, stage->width, &line);
            done = !line.count || make_line(cabinet, face, &line, stage, strips);
        }
    }
    free(line.cells);
    free(strips[0]);
    return done;
}

static void release_face(Face *face)
{
    for (size_t row = 0; row < 256; row++) {
        for (size_t at = 0; face->rows[row] && at < ROW; at++)
            free(face->rows[row][at].inked);
        free(face->rows[row]);
    }
    free(face->wanted);
    free(face);
}

void empty(Cabinet *cabinet)
{
    for (size_t number = 0; number < cabinet->face_count; number++)
        release_face(cabinet->faces[number]);
    for (size_t number = 0; number < cabinet->font_count; number++) {
        Font *font = cabinet->fonts[number];
        cabinet->pdfium->FPDFPageObj_Destroy(font->probe);
        for (size_t row = 0; row < 256; row++)
            free(font->rows[row]);
        free(font);
    }
    free(cabinet->fonts);
    free(cabinet->faces);
    cabinet->fonts = NULL;
    cabinet->faces = NULL;
    cabinet->font_count = cabinet->font_space = cabinet->face_count = cabinet->face_space = cabinet->octets = 0;
}

int is_full(const Cabinet *cabinet)
{
    return cabinet->font_count > MOST_FONTS || cabinet->face_count > MOST_FACES || cabinet->octets > MOST_OCTETS;
}
