/* The Python module conneg.content._bilevel: the calls of bilevel.h on buffers, each without the GIL.
 *
 * Written to the limited API of Python 3.11, so that one file serves that version and all later ones.
 */
#define Py_LIMITED_API 0x030B0000
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "bilevel.h"

#include <stdlib.h>

/* Whether width, height, coding and k are a form that can be coded; sets ValueError when not. */
static int is_form(const StripForm *form, unsigned long coding)
{
    if (form->width < 1 || form->width > MAX_LINE_PIXELS || form->height < 1 || coding > CODING_MMR || form->k < 1) {
        PyErr_SetString(PyExc_ValueError, "no form of a strip");
        return 0;
    }
    return 1;
}

static size_t page_octets(const StripForm *form)
{
    return (size_t)form->height * ((form->width + 7) / 8);
}

static PyObject *encode(PyObject *module, PyObject *arguments)
{
    Py_buffer page;
    unsigned int width, height, coding, k;
    int aligned, reversed;
    (void)module;
    if (!PyArg_ParseTuple(arguments, "y*IIIIpp", &page, &width, &height, &coding, &k, &aligned, &reversed))
        return NULL;
    StripForm form = {width, height, (Coding)coding, k, aligned, reversed};
    PyObject *strip = NULL;
    if (is_form(&form, coding)) {
        if ((size_t)page.len != page_octets(&form)) {
            PyErr_SetString(PyExc_ValueError, "the page has not the form's size");
        } else {
            size_t length = 0;
            uint8_t *octets;
            Py_BEGIN_ALLOW_THREADS
            octets = encode_strip(page.buf, &form, &length);
            Py_END_ALLOW_THREADS
            strip = octets ? PyBytes_FromStringAndSize((const char *)octets, (Py_ssize_t)length) : PyErr_NoMemory();
            free(octets);
        }
    }
    PyBuffer_Release(&page);
    return strip;
}

static PyObject *decode(PyObject *module, PyObject *arguments)
{
    Py_buffer strip;
    unsigned int width, height, coding;
    int reversed;
    (void)module;
    if (!PyArg_ParseTuple(arguments, "y*IIIp", &strip, &width, &height, &coding, &reversed))
        return NULL;
    StripForm form = {width, height, (Coding)coding, 1, 0, reversed};
    PyObject *page = NULL;
    if (is_form(&form, coding))
        page = PyByteArray_FromStringAndSize(NULL, (Py_ssize_t)page_octets(&form));
    if (page != NULL) {
        Finding found;
        uint8_t *octets = (uint8_t *)PyByteArray_AsString(page);
        Py_BEGIN_ALLOW_THREADS
        found = decode_strip(strip.buf, (size_t)strip.len, &form, octets);
        Py_END_ALLOW_THREADS
        if (found.fault != NULL) {
            Py_DECREF(page);
            page = NULL;
            PyErr_Format(PyExc_ValueError, "line %u: %s at bit %zu", found.line + 1, found.fault, found.bit);
        }
    }
    PyBuffer_Release(&strip);
    return page;
}

/* Whether the sizes are such as `make_bilevel` takes; sets ValueError when not. */
static int is_grey_form(const GreyForm *form, const Py_buffer *grey, const Py_buffer *screen)
{
    int right = form->width >= 1 && form->width <= MAX_LINE_PIXELS && form->height >= 1 && form->side >= 1 &&
                form->side <= 1024 && (form->block_high == 2 || form->block_high == 4) && form->radius >= 1;
    if (!right || (size_t)grey->len != (size_t)form->width * form->height ||
        (size_t)screen->len != (size_t)form->side * form->side) {
        PyErr_SetString(PyExc_ValueError, "the page and the screen have not the sizes stated");
        return 0;
    }
    return 1;
}

static PyObject *bilevel(PyObject *module, PyObject *arguments)
{
    Py_buffer grey, screen;
    unsigned int width, height, side, block_high, radius;
    unsigned char black_below;
    int ridges;
    (void)module;
    if (!PyArg_ParseTuple(arguments, "y*IIbIIpy*I", &grey, &width, &height, &black_below, &block_high, &radius, &ridges,
                          &screen, &side))
        return NULL;
    GreyForm form = {width, height, black_below, block_high, radius, ridges, screen.buf, side};
    PyObject *page = NULL;
    if (is_grey_form(&form, &grey, &screen))
        page = PyByteArray_FromStringAndSize(NULL, (Py_ssize_t)((size_t)height * ((width + 7) / 8)));
    if (page != NULL) {
        uint8_t *bits = (uint8_t *)PyByteArray_AsString(page);
        int done;
        Py_BEGIN_ALLOW_THREADS
        done = make_bilevel(grey.buf, &form, bits);
        Py_END_ALLOW_THREADS
        if (!done) {
            Py_DECREF(page);
            page = PyErr_NoMemory();
        }
    }
    PyBuffer_Release(&grey);
    PyBuffer_Release(&screen);
    return page;
}

static PyObject *squares(PyObject *module, PyObject *arguments)
{
    Py_buffer grey;
    SquareForm form;
    (void)module;
    if (!PyArg_ParseTuple(arguments, "y*IIIIIbbb", &grey, &form.width, &form.height, &form.tile_width, &form.tile_height,
                          &form.side, &form.darkest, &form.lighter_than, &form.range))
        return NULL;
    PyObject *found = NULL;
    if (form.width > MAX_LINE_PIXELS || form.tile_width < 1 || form.tile_height < 1 || form.side < 1 || form.side > 64 ||
        (size_t)grey.len != (size_t)form.width * form.height) {
        PyErr_SetString(PyExc_ValueError, "the page has not the size stated, or no tiles");
    } else {
        Squares all;
        int done;
        Py_BEGIN_ALLOW_THREADS
        done = find_squares(grey.buf, &form, &all);
        Py_END_ALLOW_THREADS
        found = done ? Py_BuildValue("nIIII", (Py_ssize_t)all.count, all.top, all.bottom, all.left, all.right)
                     : PyErr_NoMemory();
    }
    PyBuffer_Release(&grey);
    return found;
}

static PyMethodDef functions[] = {
    {"encode", encode, METH_VARARGS, "encode(page, width, height, coding, k, aligned, reversed) -> the strip"},
    {"decode", decode, METH_VARARGS, "decode(strip, width, height, coding, reversed) -> the page, or ValueError"},
    {"bilevel", bilevel, METH_VARARGS,
     "bilevel(grey, width, height, black_below, block_high, radius, ridges, screen, side) -> the page"},
    {"squares", squares, METH_VARARGS,
     "squares(grey, width, height, tile_width, tile_height, side, darkest, lighter_than, range) -> "
     "(count, top, bottom, left, right)"},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {{0, NULL}};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_bilevel", "Bi-level pages: strips in MH, MR and MMR, and grey pages to bits.",
    0, functions, slots, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__bilevel(void)
{
    prepare_decoding();
    return PyModuleDef_Init(&definition);
}
