/* Which runs of a page can be set, where their letters stand, and how they are laid on the sheet: as pdfium does it. */
#include "typeset.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TEXT 1             /* FPDF_PAGEOBJ_TEXT */
#define FILLED 0           /* FPDF_TEXTRENDERMODE_FILL */
#define MOST_OBJECTS 20000
#define MOST_LATER 64      /* objects behind a run that may lie over it; with more of them pdfium draws all */
#define MOST_CLIPS 16
#define LARGEST 49.9F      /* pixels of the em along the line: larger letters pdfium draws as shapes */
#define CLOSE 0.003F       /* points by which bounds may differ */
#define NO_SPACE 0xffff
#define FAR 1e6F           /* pixels; what is farther away is not seen */

typedef struct {
    const Pdfium *pdfium;
    Cabinet *cabinet;
    const Stage *stage;
    const Strings *strings;
    Setting *setting;
    float *at; /* where letters stand on their line, in units of the text */
    size_t at_space;
    int no_memory;
} Work;

int prepare_stage(const Pdfium *pdfium, void *page, const int32_t box[4], Stage *stage)
{
    float width = pdfium->FPDF_GetPageWidthF(page), height = pdfium->FPDF_GetPageHeightF(page);
    *stage = (Stage){.page = page, .left = box[0], .top = box[1], .width = box[2], .height = box[3]};
    if (pdfium->FPDFPage_GetRotation(page) != 0 || !pdfium->FPDF_GetPageBoundingBox(page, &stage->box))
        return 0;
    if (!(width > 1 && height > 1) || box[2] < LEAST_SIDE || box[3] < LEAST_SIDE || box[2] > MOST_SIDE ||
        box[3] > MOST_SIDE)
        return 0;
    /* CPDF_Page::GetDisplayMatrix, in its order and precision */
    float a = (float)box[2] / width, d = (float)-box[3] / height;
    float e = -stage->box.left, f = -stage->box.bottom;
    stage->scale_x = a;
    stage->scale_y = -d;
    stage->to_device = (Matrix){a, 0, 0, d, e * a + (float)box[0], f * d + (float)(box[1] + box[3])};
    return 1;
}

/* Whether a clip, of upright rectangles, leaves all of `bounds` (left, bottom, right, top) and a little more. */
static int is_clear_of_clip(const Pdfium *pdfium, void *object, const float bounds[4])
{
    void *clip = pdfium->FPDFPageObj_GetClipPath(object);
    int paths = clip ? pdfium->FPDFClipPath_CountPaths(clip) : 0;
    if (paths > MOST_CLIPS)
        return 0;
    for (int path = 0; path < paths; path++) {
        int count = pdfium->FPDFClipPath_CountPathSegments(clip, path);
        float x[5], y[5], low_x = INFINITY, low_y = INFINITY, high_x = -INFINITY, high_y = -INFINITY;
        if (count != 4 && count != 5)
            return 0;
        for (int at = 0; at < count; at++) {
            void *segment = pdfium->FPDFClipPath_GetPathSegment(clip, path, at);
            if (!segment || pdfium->FPDFPathSegment_GetType(segment) == 1 /* a curve */ ||
                !pdfium->FPDFPathSegment_GetPoint(segment, x + at, y + at))
                return 0;
            low_x = fminf(low_x, x[at]);
            low_y = fminf(low_y, y[at]);
            high_x = fmaxf(high_x, x[at]);
            high_y = fmaxf(high_y, y[at]);
        }
        if (count == 5 && (x[4] != x[0] || y[4] != y[0]))
            return 0;
        int along = x[0] == x[1] && y[1] == y[2] && x[2] == x[3] && y[3] == y[0];
        int across = y[0] == y[1] && x[1] == x[2] && y[2] == y[3] && x[3] == x[0];
        if (!along && !across)
            return 0;
        if (bounds[0] - 1 < low_x || bounds[1] - 1 < low_y || bounds[2] + 1 > high_x || bounds[3] + 1 > high_y)
            return 0;
    }
    return 1;
}

static uint32_t code_at(const uint8_t *octets, uint32_t code_octets)
{
    return code_octets == 1 ? octets[0] : (uint32_t)octets[0] << 8 | octets[1];
}

/* Set the letters of a run on a line that begins at 0, as CPDF_TextObject::CalcPositionData does. Returns their number,
 * and -1 where the letters do not give the bounds that pdfium has. */
static int32_t measure(Work *work, const Shown *shown, Font *font, uint32_t code_octets, float size, const Matrix *matrix,
                       const float bounds[4])
{
    const Strings *strings = work->strings;
    uint32_t space = code_octets == 1 ? ' ' : NO_SPACE, total = 0, at = 0;
    for (uint32_t number = 0; number < shown->count; number++) {
        uint32_t length = strings->pieces[shown->first + number].length;
        if (length % code_octets)
            return -1;
        total += length / code_octets;
    }
    if (!has_room((void **)&work->at, &work->at_space, total, sizeof *work->at)) {
        work->no_memory = 1;
        return -1;
    }
    float pen = 0, low = 10000, high = -10000;
    for (uint32_t number = 0; number < shown->count; number++) {
        const Piece *piece = strings->pieces + shown->first + number;
        for (uint32_t octet = 0; octet < piece->length; octet += code_octets) {
            uint32_t code = code_at(strings->octets + piece->start + octet, code_octets);
            const Metrics *metrics = metrics_of(work->cabinet, font, code);
            if (metrics == NULL) {
                work->no_memory = 1;
                return -1;
            }
            work->at[at++] = pen;
            float left = pen + metrics->left * size / 1000, right = pen + metrics->right * size / 1000;
            low = left < low ? left : low;
            high = right > high ? right : high;
            pen += metrics->advance * size / 1000;
            if (code == space)
                pen += shown->word_space;
            pen += shown->character_space;
        }
        pen -= piece->kerning * size / 1000;
    }
    low = low * matrix->a + matrix->e;
    high = high * matrix->a + matrix->e;
    return fabsf(low - bounds[0]) <= CLOSE && fabsf(high - bounds[2]) <= CLOSE ? (int32_t)total : -1;
}

/* Letters whose spaces were rounded away from what they are give a pixel back, as AdjustGlyphSpace does. */
static void adjust_spaces(Placed *placed, const float *exact, uint32_t count)
{
    for (uint32_t number = count - 1; number > 1; number--) {
        int32_t space = placed[number].x - placed[number - 1].x;
        float wanted = exact[number] - exact[number - 1];
        if (fabsf(wanted) - fabsf((float)space) > 0.5F)
            placed[number - 1].x += space > 0 ? -1 : 1;
    }
}

static int32_t rounded(float pixels)
{
    return (int32_t)roundf(fminf(fmaxf(pixels, -FAR), FAR));
}

/* Put the letters of a run where they stand on the sheet. Returns 0 without memory. */
static int place(Work *work, const Shown *shown, Face *face, uint32_t code_octets, uint32_t count, const Matrix *matrix)
{
    Setting *setting = work->setting;
    const Matrix *stage = &work->stage->to_device;
    float scale = matrix->a * stage->a, left = matrix->e * stage->a + stage->e;
    float down = matrix->f * stage->d + stage->f;
    if (!has_room((void **)&setting->placed, &setting->placed_space, setting->placed_count + count,
                  sizeof *setting->placed))
        return 0;
    Placed *placed = setting->placed + setting->placed_count;
    uint32_t at = 0;
    for (uint32_t number = 0; number < shown->count; number++) {
        const Piece *piece = work->strings->pieces + shown->first + number;
        for (uint32_t octet = 0; octet < piece->length; octet += code_octets, at++) {
            const uint8_t *code = work->strings->octets + piece->start + octet;
            placed[at].glyph = glyph_of(work->cabinet, face, code_at(code, code_octets));
            if (placed[at].glyph == NULL)
                return 0;
            work->at[at] = work->at[at] * scale + left;
            placed[at].x = rounded(work->at[at]);
            placed[at].y = rounded(down);
        }
    }
    if (count > 1)
        adjust_spaces(placed, work->at, count);
    return 1;
}

/* Whether pdfium draws the object as nothing but upright filled letters of one grey; that is then `run->shade`. */
static int is_plain(const Pdfium *pdfium, const Stage *stage, Run *run, const Matrix *matrix, float size)
{
    unsigned r, g, b, alpha;
    if (matrix->b != 0 || matrix->c != 0 || !(matrix->a > 0 && matrix->d > 0 && size > 0))
        return 0;
    if (!(size * matrix->a * stage->scale_x <= LARGEST) || pdfium->FPDFPageObj_HasTransparency(run->object) ||
        pdfium->FPDFTextObj_GetTextRenderMode(run->object) != FILLED ||
        !pdfium->FPDFPageObj_GetFillColor(run->object, &r, &g, &b, &alpha) || alpha != 255)
        return 0;
    run->shade = (uint8_t)((b * 11 + g * 59 + r * 30) / 100);
    return is_clear_of_clip(pdfium, run->object, run->bounds);
}

/* Take the run, if that can be. */
static void take(Work *work, const Shown *shown, Run *run)
{
    const Pdfium *pdfium = work->pdfium;
    Matrix matrix;
    float size;
    void *handle = pdfium->FPDFTextObj_GetFont(run->object);
    if (!handle || is_full(work->cabinet) || !pdfium->FPDFPageObj_GetMatrix(run->object, &matrix) ||
        !pdfium->FPDFTextObj_GetFontSize(run->object, &size) || !is_plain(pdfium, work->stage, run, &matrix, size))
        return;
    Font *font = font_of(work->cabinet, handle);
    if (font == NULL)
        return;
    uint32_t first = font->code_octets ? font->code_octets : 1, code_octets = first;
    int32_t count = measure(work, shown, font, code_octets, size, &matrix, run->bounds);
    if (count < 0 && !font->code_octets)
        count = measure(work, shown, font, code_octets = 2, size, &matrix, run->bounds);
    if (count <= 0)
        return;
    if (count > 2)
        font->code_octets = code_octets;
    Face *face = face_of(work->cabinet, font, size, &matrix, work->stage);
    if (face == NULL || !place(work, shown, face, code_octets, (uint32_t)count, &matrix)) {
        work->no_memory = 1;
        return;
    }
    run->first = (uint32_t)work->setting->placed_count;
    run->count = (uint32_t)count;
    run->is_taken = 1;
    work->setting->placed_count += (size_t)count;
}

static int overlap(const float one[4], const float other[4])
{
    return one[0] < other[2] + 1 && other[0] < one[2] + 1 && one[1] < other[3] + 1 && other[1] < one[3] + 1;
}

/* Leave runs to pdfium that have glyphs without a picture, or over which something is drawn later. */
static void leave(Setting *setting)
{
    float later[MOST_LATER][4];
    size_t later_count = 0;
    for (size_t number = setting->run_count; number-- > 0;) {
        Run *run = setting->runs + number;
        for (uint32_t at = run->first; run->is_taken && at < run->first + run->count; at++)
            run->is_taken = setting->placed[at].glyph->state == DRAWN;
        for (size_t at = 0; run->is_taken && at < later_count; at++)
            run->is_taken = !overlap(later[at], run->bounds);
        if (run->is_taken)
            continue;
        if (later_count < MOST_LATER)
            memcpy(later[later_count++], run->bounds, sizeof run->bounds);
        else
            for (int at = 0; at < 4; at++) /* the last one stands for all that are too many */
                later[MOST_LATER - 1][at] = (at < 2 ? fminf : fmaxf)(later[MOST_LATER - 1][at], run->bounds[at]);
    }
}

/* List the page's objects. Returns how many texts there are; -1 where the page is not to be touched. */
static int32_t list_objects(Work *work)
{
    const Pdfium *pdfium = work->pdfium;
    Setting *setting = work->setting;
    int count = pdfium->FPDFPage_CountObjects(work->stage->page), texts = 0, active;
    if (count < 1 || count > MOST_OBJECTS)
        return -1;
    if (!has_room((void **)&setting->runs, &setting->run_space, (size_t)count, sizeof *setting->runs)) {
        work->no_memory = 1;
        return -1;
    }
    setting->run_count = (size_t)count;
    memset(setting->runs, 0, (size_t)count * sizeof *setting->runs);
    for (int number = 0; number < count; number++) {
        Run *run = setting->runs + number;
        float *at = run->bounds;
        run->object = pdfium->FPDFPage_GetObject(work->stage->page, number);
        run->count = pdfium->FPDFPageObj_GetType(run->object) == TEXT;
        texts += run->count != 0;
        if (!pdfium->FPDFPageObj_GetBounds(run->object, at, at + 1, at + 2, at + 3) ||
            !pdfium->FPDFPageObj_GetIsActive(run->object, &active) || !active)
            return -1;
    }
    return texts;
}

static void take_all(Work *work)
{
    Setting *setting = work->setting;
    size_t text = 0;
    for (size_t number = 0; number < setting->run_count && !work->no_memory; number++) {
        Run *run = setting->runs + number;
        if (!run->count)
            continue;
        run->count = 0;
        take(work, work->strings->shown + text++, run);
    }
}

/* Make all objects inactive, draw what is wanted, and make those active again that pdfium is to draw. */
static int hand_over(Work *work)
{
    const Pdfium *pdfium = work->pdfium;
    Setting *setting = work->setting;
    for (size_t number = 0; number < setting->run_count; number++)
        pdfium->FPDFPageObj_SetIsActive(setting->runs[number].object, 0);
    int done = draw_wanted(work->cabinet, work->stage);
    leave(setting);
    for (size_t number = 0; number < setting->run_count; number++) {
        Run *run = setting->runs + number;
        if (run->is_taken)
            setting->taken++;
        else
            pdfium->FPDFPageObj_SetIsActive(run->object, 1);
    }
    return done;
}

int take_runs(Cabinet *cabinet, const Stage *stage, const Strings *strings, Setting *setting)
{
    Work work = {.pdfium = cabinet->pdfium, .cabinet = cabinet, .stage = stage, .strings = strings, .setting = setting};
    setting->run_count = setting->placed_count = setting->taken = 0;
    if (is_full(cabinet))
        empty(cabinet);
    int32_t texts = list_objects(&work);
    if (texts < 1 || (size_t)texts != strings->shown_count) {
        setting->run_count = 0;
        return !work.no_memory;
    }
    take_all(&work);
    free(work.at);
    int done = hand_over(&work);
    return done && !work.no_memory;
}

void give_back(const Pdfium *pdfium, Setting *setting)
{
    for (size_t number = 0; number < setting->run_count; number++)
        if (setting->runs[number].is_taken)
            pdfium->FPDFPageObj_SetIsActive(setting->runs[number].object, 1);
}

typedef uint8_t Octets __attribute__((vector_size(16)));
typedef uint16_t Wide __attribute__((vector_size(32)));

/* x / 255 for what two octets multiplied give. */
static inline void divide_by_255(Wide *x)
{
    *x = (*x + 1 + (*x >> 8)) >> 8;
}

/* Lay sixteen pixels of black: as pdfium, which joins the glyphs of a run before it lays them on white paper. */
static inline void blacken(uint8_t *sheet, const uint8_t *inked)
{
    Octets paper, ink;
    memcpy(&paper, sheet, sizeof paper);
    memcpy(&ink, inked, sizeof ink);
    Octets there = ~paper;
    Wide common = __builtin_convertvector(there, Wide) * __builtin_convertvector(ink, Wide);
    divide_by_255(&common);
    paper = ~(Octets)(there + ink - __builtin_convertvector(common, Octets));
    memcpy(sheet, &paper, sizeof paper);
}

/* Lay sixteen pixels of any shade. */
static inline void shade_in(uint8_t *sheet, const uint8_t *inked, uint8_t shade)
{
    Octets paper, ink;
    memcpy(&paper, sheet, sizeof paper);
    memcpy(&ink, inked, sizeof ink);
    Wide mixed = __builtin_convertvector(paper, Wide) * __builtin_convertvector(~ink, Wide) +
                 __builtin_convertvector(ink, Wide) * shade;
    divide_by_255(&mixed);
    paper = __builtin_convertvector(mixed, Octets);
    memcpy(sheet, &paper, sizeof paper);
}

/* One pixel, as the two above. */
static inline uint8_t mixed(uint8_t paper, uint8_t shade, uint8_t ink)
{
    return shade ? (uint8_t)((paper * (255 - ink) + shade * ink) / 255)
                 : (uint8_t)(paper - ink + (255 - paper) * ink / 255);
}

/* Lay a glyph of any shade, and what of it is in the box. */
static void lay_slowly(const Glyph *glyph, int32_t left, int32_t top, uint8_t shade, const Stage *stage, uint8_t *sheet,
                       uint32_t width, uint32_t height)
{
    int32_t right = stage->left + stage->width, bottom = stage->top + stage->height;
    right = right < (int32_t)width ? right : (int32_t)width;
    bottom = bottom < (int32_t)height ? bottom : (int32_t)height;
    for (int32_t y = 0; y < glyph->rows; y++)
        for (int32_t x = 0; x < glyph->columns; x++) {
            int32_t column = left + x, line = top + y;
            if (column < 0 || column < stage->left || column >= right || line < 0 || line < stage->top || line >= bottom)
                continue;
            uint8_t *pixel = sheet + (size_t)line * width + column;
            *pixel = mixed(*pixel, shade, glyph->inked[y * glyph->stride + x]);
        }
}

/* Whether all rows of a glyph, filled up to whole strides, are within the box and the sheet. */
static int is_inside(const Glyph *glyph, int32_t left, int32_t top, const Stage *stage, uint32_t width, uint32_t height)
{
    return left >= 0 && left >= stage->left && top >= 0 && top >= stage->top &&
           left + glyph->stride <= stage->left + stage->width && left + glyph->stride <= (int32_t)width &&
           top + glyph->rows <= stage->top + stage->height && top + glyph->rows <= (int32_t)height;
}

static void lay_glyph(const Placed *placed, uint8_t shade, const Stage *stage, uint8_t *sheet, uint32_t width,
                      uint32_t height)
{
    const Glyph *glyph = placed->glyph;
    if (!glyph->inked || placed->x < -MOST_SIDE || placed->x > MOST_SIDE || placed->y < -MOST_SIDE ||
        placed->y > MOST_SIDE)
        return;
    int32_t left = placed->x + glyph->left, top = placed->y + glyph->top;
    if (!is_inside(glyph, left, top, stage, width, height)) {
        lay_slowly(glyph, left, top, shade, stage, sheet, width, height);
        return;
    }
    uint8_t *line = sheet + (size_t)top * width + left;
    const uint8_t *inked = glyph->inked;
    for (uint32_t row = 0; row < glyph->rows; row++, line += width, inked += glyph->stride)
        for (uint32_t at = 0; at < glyph->stride; at += 16) {
            if (shade)
                shade_in(line + at, inked + at, shade);
            else
                blacken(line + at, inked + at);
        }
}

void lay(const Setting *setting, const Stage *stage, uint8_t *sheet, uint32_t width, uint32_t height)
{
    for (size_t number = 0; number < setting->run_count; number++) {
        const Run *run = setting->runs + number;
        for (uint32_t at = 0; run->is_taken && at < run->count; at++)
            lay_glyph(setting->placed + run->first + at, run->shade, stage, sheet, width, height);
    }
}

void release_setting(Setting *setting)
{
    free(setting->runs);
    free(setting->placed);
    memset(setting, 0, sizeof *setting);
}
