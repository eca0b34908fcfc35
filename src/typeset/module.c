/* The Python module conneg.content._typeset: a Typesetter for one document that pdfium has open.
 *
 * Written to the limited API of Python 3.11, so that one file serves that version and all later ones. Like pdfium, a
 * typesetter is for one thread at a time: the GIL is kept.
 */
#define Py_LIMITED_API 0x030B0000
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "typeset.h"

#include <stdlib.h>
#include <string.h>

const char *const PDFIUM_NAMES[] = {
    "FPDFPage_CountObjects", "FPDFPage_GetObject", "FPDFPage_InsertObject", "FPDFPage_RemoveObject",
    "FPDFPageObj_GetType", "FPDFPageObj_GetIsActive", "FPDFPageObj_SetIsActive", "FPDFPageObj_HasTransparency",
    "FPDFPageObj_GetFillColor", "FPDFPageObj_GetBounds", "FPDFPageObj_GetMatrix", "FPDFPageObj_SetMatrix",
    "FPDFPageObj_GetClipPath", "FPDFPageObj_Destroy", "FPDFClipPath_CountPaths", "FPDFClipPath_CountPathSegments",
    "FPDFClipPath_GetPathSegment", "FPDFPathSegment_GetType", "FPDFPathSegment_GetPoint", "FPDFPageObj_CreateTextObj",
    "FPDFText_SetCharcodes", "FPDFText_SetPositions", "FPDFTextObj_GetTextRenderMode", "FPDFTextObj_GetFont",
    "FPDFTextObj_GetFontSize", "FPDFFont_GetIsEmbedded", "FPDFFont_GetFontData", "FPDFBitmap_CreateEx",
    "FPDFBitmap_Destroy", "FPDF_RenderPageBitmap", "FPDF_GetPageWidthF", "FPDF_GetPageHeightF",
    "FPDF_GetPageBoundingBox", "FPDFPage_GetRotation",
};
_Static_assert(sizeof PDFIUM_NAMES / sizeof *PDFIUM_NAMES == PDFIUM_TOTAL, "every function has its name");

struct Typesetter {
    PyObject_HEAD
    Pdfium pdfium;
    Cabinet cabinet;
    Setting setting;
    Stage stage;
};

static int read_addresses(PyObject *addresses, Pdfium *pdfium)
{
    unsigned char *place = (unsigned char *)pdfium;
    if (!PyTuple_Check(addresses) || PyTuple_Size(addresses) != (Py_ssize_t)PDFIUM_TOTAL) {
        PyErr_SetString(PyExc_ValueError, "not an address for each of FUNCTIONS");
        return 0;
    }
    for (size_t number = 0; number < PDFIUM_TOTAL; number++) {
        void *address = PyLong_AsVoidPtr(PyTuple_GetItem(addresses, (Py_ssize_t)number));
        if (address == NULL) {
            if (!PyErr_Occurred())
                PyErr_SetString(PyExc_ValueError, "an address is 0");
            return 0;
        }
        memcpy(place + number * sizeof address, &address, sizeof address);
    }
    return 1;
}

static int initialise(PyObject *self, PyObject *arguments, PyObject *keywords)
{
    Typesetter *setter = (Typesetter *)self;
    PyObject *document, *addresses;
    (void)keywords;
    if (setter->cabinet.pdfium != NULL) {
        PyErr_SetString(PyExc_ValueError, "this typesetter has its document already");
        return -1;
    }
    if (!PyArg_ParseTuple(arguments, "OO", &document, &addresses) || !read_addresses(addresses, &setter->pdfium))
        return -1;
    setter->cabinet.document = PyLong_AsVoidPtr(document);
    if (setter->cabinet.document == NULL) {
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_ValueError, "no document");
        return -1;
    }
    setter->cabinet.pdfium = &setter->pdfium;
    return 0;
}

static void let_go(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    release_setting(&((Typesetter *)self)->setting); /* `close` has given pdfium's objects back, or its document is gone */
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(self);
    Py_DECREF(type);
}

static int is_open(const Typesetter *setter)
{
    if (setter->cabinet.pdfium == NULL)
        PyErr_SetString(PyExc_ValueError, "this typesetter is closed");
    return setter->cabinet.pdfium != NULL;
}

static PyObject *take(PyObject *self, PyObject *arguments)
{
    Typesetter *setter = (Typesetter *)self;
    PyObject *handle;
    Py_buffer content;
    int box[4];
    if (!is_open(setter) || !PyArg_ParseTuple(arguments, "Oy*iiii", &handle, &content, box, box + 1, box + 2, box + 3))
        return NULL;
    void *page = PyLong_AsVoidPtr(handle);
    int32_t place[4] = {box[0], box[1], box[2], box[3]};
    Strings strings = {0};
    Outcome outcome = UNREADABLE;
    setter->setting.run_count = setter->setting.taken = 0;
    if (page != NULL && prepare_stage(&setter->pdfium, page, place, &setter->stage))
        outcome = read_strings(content.buf, (size_t)content.len, &strings);
    if (outcome == READ && strings.shown_count && !take_runs(&setter->cabinet, &setter->stage, &strings, &setter->setting))
        outcome = NO_MEMORY;
    release_strings(&strings);
    PyBuffer_Release(&content);
    if (PyErr_Occurred())
        return NULL;
    if (outcome == NO_MEMORY) {
        give_back(&setter->pdfium, &setter->setting);
        return PyErr_NoMemory();
    }
    return PyLong_FromSize_t(setter->setting.taken);
}

static PyObject *give(PyObject *self, PyObject *unused)
{
    Typesetter *setter = (Typesetter *)self;
    (void)unused;
    if (!is_open(setter))
        return NULL;
    give_back(&setter->pdfium, &setter->setting);
    Py_RETURN_NONE;
}

static PyObject *lay_all(PyObject *self, PyObject *arguments)
{
    Typesetter *setter = (Typesetter *)self;
    Py_buffer sheet;
    unsigned width, height;
    if (!is_open(setter) || !PyArg_ParseTuple(arguments, "w*II", &sheet, &width, &height))
        return NULL;
    int fits = width < 1u << 20 && height < 1u << 20 && (size_t)sheet.len == (size_t)width * height;
    if (fits)
        lay(&setter->setting, &setter->stage, sheet.buf, width, height);
    else
        PyErr_SetString(PyExc_ValueError, "the sheet has not the size stated");
    PyBuffer_Release(&sheet);
    if (!fits)
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *close_all(PyObject *self, PyObject *unused)
{
    Typesetter *setter = (Typesetter *)self;
    (void)unused;
    if (setter->cabinet.pdfium != NULL)
        empty(&setter->cabinet);
    setter->cabinet.pdfium = NULL;
    release_setting(&setter->setting);
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"take", take, METH_VARARGS,
     "take(page, content, left, top, width, height) -> how many runs were taken"},
    {"give_back", give, METH_NOARGS, "give_back(): the page that the runs were taken from is whole again"},
    {"lay", lay_all, METH_VARARGS, "lay(sheet, width, height): the runs last taken, on the sheet"},
    {"close", close_all, METH_NOARGS, "close(): before the document is closed"},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot type_slots[] = {
    {Py_tp_doc, "Typesetter(document, addresses): the addresses of pdfium's FUNCTIONS, in their order"},
    {Py_tp_init, initialise},
    {Py_tp_dealloc, let_go},
    {Py_tp_methods, methods},
    {0, NULL},
};

static PyType_Spec type_form = {"conneg.content._typeset.Typesetter", sizeof(Typesetter), 0, Py_TPFLAGS_DEFAULT, type_slots};

static int fill_module(PyObject *module)
{
    PyObject *names = PyTuple_New((Py_ssize_t)PDFIUM_TOTAL), *type = PyType_FromSpec(&type_form);
    int done = names != NULL && type != NULL;
    for (size_t number = 0; done && number < PDFIUM_TOTAL; number++) {
        PyObject *name = PyUnicode_FromString(PDFIUM_NAMES[number]);
        done = name != NULL && PyTuple_SetItem(names, (Py_ssize_t)number, name) == 0;
    }
    done = done && PyModule_AddObjectRef(module, "FUNCTIONS", names) == 0 &&
           PyModule_AddObjectRef(module, "Typesetter", type) == 0;
    Py_XDECREF(names);
    Py_XDECREF(type);
    return done ? 0 : -1;
}

static PyModuleDef_Slot slots[] = {{Py_mod_exec, fill_module}, {0, NULL}};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_typeset", "Runs of text set on grey pages from glyphs that pdfium drew once.",
    0, NULL, slots, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__typeset(void)
{
    return PyModuleDef_Init(&definition);
}
