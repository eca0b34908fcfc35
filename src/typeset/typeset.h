/* Runs of text set on a grey page from glyphs that pdfium drew once: the same page, in less time. Plain C, no Python.
 *
 * pdfium reads the page and draws everything but the runs that are taken from it. What it does not tell, the codes of a
 * run's letters and the space between them, is read from the page's content stream; a run is taken only where what was
 * read gives the very bounds that pdfium has for it. ISO 32000-1: 7.8.2 and annex A for content streams, 9.4.3 for
 * operators that show text. All structures are for one thread.
 */
#ifndef TYPESET_H
#define TYPESET_H

#include <stddef.h>
#include <stdint.h>

/* A string of a text-showing operator, and the number behind it: by so many thousandths of the size less. */
typedef struct {
    uint32_t start, length; /* in `Strings.octets` */
    float kerning;
} Piece;

/* What one operator shows: `count` pieces from `first` on, under these parameters of the text state. */
typedef struct {
    uint32_t first, count;
    float character_space, word_space;
} Shown;

typedef struct {
    Shown *shown;
    Piece *pieces;
    uint8_t *octets;
    size_t shown_count, piece_count, octet_count;
} Strings;

typedef enum { READ = 0, UNREADABLE = 1, NO_MEMORY = 2 } Outcome;

/* Read what the content stream shows, in order. UNREADABLE where it has what could make text appear in another way:
 * inline images, patterns, text as a clip, optional content, or damage. `strings` is to be released in any case. */
Outcome read_strings(const uint8_t *content, size_t length, Strings *strings);
void release_strings(Strings *strings);

typedef struct {
    float a, b, c, d, e, f;
} Matrix; /* as FS_MATRIX */

typedef struct {
    float left, top, right, bottom;
} Box; /* as FS_RECTF */

/* pdfium's functions, in the order of PDFIUM_NAMES. */
typedef struct {
    int (*FPDFPage_CountObjects)(void *page);
    void *(*FPDFPage_GetObject)(void *page, int index);
    int (*FPDFPage_InsertObject)(void *page, void *object);
    int (*FPDFPage_RemoveObject)(void *page, void *object);
    int (*FPDFPageObj_GetType)(void *object);
    int (*FPDFPageObj_GetIsActive)(void *object, int *active);
    int (*FPDFPageObj_SetIsActive)(void *object, int active);
    int (*FPDFPageObj_HasTransparency)(void *object);
    int (*FPDFPageObj_GetFillColor)(void *object, unsigned *r, unsigned *g, unsigned *b, unsigned *a);
    int (*FPDFPageObj_GetBounds)(void *object, float *left, float *bottom, float *right, float *top);
    int (*FPDFPageObj_GetMatrix)(void *object, Matrix *matrix);
    int (*FPDFPageObj_SetMatrix)(void *object, const Matrix *matrix);
    void *(*FPDFPageObj_GetClipPath)(void *object);
    void (*FPDFPageObj_Destroy)(void *object);
    int (*FPDFClipPath_CountPaths)(void *clip);
    int (*FPDFClipPath_CountPathSegments)(void *clip, int path);
    void *(*FPDFClipPath_GetPathSegment)(void *clip, int path, int segment);
    int (*FPDFPathSegment_GetType)(void *segment);
    int (*FPDFPathSegment_GetPoint)(void *segment, float *x, float *y);
    void *(*FPDFPageObj_CreateTextObj)(void *document, void *font, float size);
    int (*FPDFText_SetCharcodes)(void *object, const uint32_t *codes, size_t count);
    int (*FPDFText_SetPositions)(void *object, const float *positions, size_t count);
    int (*FPDFTextObj_GetTextRenderMode)(void *object);
    void *(*FPDFTextObj_GetFont)(void *object);
    int (*FPDFTextObj_GetFontSize)(void *object, float *size);
    int (*FPDFFont_GetIsEmbedded)(void *font);
    int (*FPDFFont_GetFontData)(void *font, uint8_t *buffer, size_t size, size_t *needed);
    void *(*FPDFBitmap_CreateEx)(int width, int height, int format, void *first, int stride);
    void (*FPDFBitmap_Destroy)(void *bitmap);
    void (*FPDF_RenderPageBitmap)(void *bitmap, void *page, int x, int y, int width, int height, int turn, int flags);
    float (*FPDF_GetPageWidthF)(void *page);
    float (*FPDF_GetPageHeightF)(void *page);
    int (*FPDF_GetPageBoundingBox)(void *page, Box *box);
    int (*FPDFPage_GetRotation)(void *page);
} Pdfium;

extern const char *const PDFIUM_NAMES[];
#define PDFIUM_TOTAL (sizeof(Pdfium) / sizeof(void (*)(void)))

/* A page is set in boxes at least so many pixels wide and high, which is room for a line of glyphs, and at most so many. */
#define LEAST_SIDE 448
#define MOST_SIDE (1 << 14)

/* Where a page is drawn: a box on the sheet, in pixels, and how it gets there. `scale_y` is above zero. */
typedef struct {
    void *page;
    int32_t left, top, width, height;
    float scale_x, scale_y;
    Matrix to_device;
    Box box; /* of the page, in its own units */
} Stage;

/* What a letter is to a line, in thousandths of the size; and whether that is known already. */
typedef struct {
    float advance, left, right, bottom, top;
    int is_known;
} Metrics;

typedef enum { UNSEEN = 0, DRAWN = 1, UNUSABLE = 2 } GlyphState;

/* How a letter looks: `rows` rows of `stride` octets from `inked` on, 255 is ink, the first of them so far to the right
 * of and below the origin. Of a row `columns` count, the rest is 0. */
typedef struct {
    uint8_t *inked;
    int16_t left, top;
    uint16_t columns, rows, stride;
    uint8_t state;
} Glyph;

typedef struct Font Font;
typedef struct Face Face;
typedef struct Typesetter Typesetter;

/* A font of the document; `probe` is a text object of ours that keeps it alive. */
struct Font {
    void *font, *probe;
    uint32_t code_octets; /* of a letter's code; 0: not known yet */
    int is_embedded;
    Metrics *rows[256];
};

/* A font at a size and scale, with the glyphs that were drawn in it. */
struct Face {
    Font *font;
    float size, a, d, scale_x, scale_y;
    uint32_t *wanted; /* the codes that are still to be drawn */
    size_t wanted_count, wanted_space;
    Glyph *rows[256];
};

/* Glyphs kept for the pages of a document. */
typedef struct {
    const Pdfium *pdfium;
    void *document;
    Font **fonts;
    Face **faces;
    size_t font_count, font_space, face_count, face_space, octets;
} Cabinet;

/* Make room in a list for so many members of a size; it grows by doubling. Returns 0 when there is no memory. */
int has_room(void **list, size_t *space, size_t wanted, size_t size);

/* Return the font or the face; NULL when there is no memory, or where pdfium has no outlines of it. */
Font *font_of(Cabinet *cabinet, void *handle);
Face *face_of(Cabinet *cabinet, Font *font, float size, const Matrix *matrix, const Stage *stage);

/* Return what is known of a letter, asking pdfium once; NULL when there is no memory. */
const Metrics *metrics_of(Cabinet *cabinet, Font *font, uint32_t code);

/* Return the place of a letter's glyph, which is put down to be drawn when it is UNSEEN; NULL when there is no memory. */
Glyph *glyph_of(Cabinet *cabinet, Face *face, uint32_t code);

/* Draw all glyphs that are wanted; the stage's page must have no active object. Returns 0 when there is no memory. */
int draw_wanted(Cabinet *cabinet, const Stage *stage);

/* Whether there is enough: nothing more is to be added before it is emptied. */
int is_full(const Cabinet *cabinet);

/* Forget everything; whatever `font_of` and the others gave is then gone. */
void empty(Cabinet *cabinet);

/* A letter on its place, pixels of the sheet. */
typedef struct {
    const Glyph *glyph;
    int32_t x, y;
} Placed;

/* A run of text that was taken; `shade` is its grey. */
typedef struct {
    void *object;
    uint32_t first, count; /* of `Setting.placed` */
    uint8_t shade;
    uint8_t is_taken;
    float bounds[4];
} Run;

/* The runs that were taken from a page, until they are laid on the sheet. */
typedef struct {
    Run *runs;
    size_t run_count, run_space;
    Placed *placed;
    size_t placed_count, placed_space;
    size_t taken;
} Setting;

/* Take from the page what can be set: its objects become inactive, until `give_back`. Returns 0 without memory. */
int take_runs(Cabinet *cabinet, const Stage *stage, const Strings *strings, Setting *setting);
void give_back(const Pdfium *pdfium, Setting *setting);

/* Lay what was taken on the sheet, `height` lines of `width` octets of grey. */
void lay(const Setting *setting, const Stage *stage, uint8_t *sheet, uint32_t width, uint32_t height);
void release_setting(Setting *setting);

/* Find out how the page gets to the box; 0 where it is turned, or has no size. */
int prepare_stage(const Pdfium *pdfium, void *page, const int32_t box[4], Stage *stage);

#endif
