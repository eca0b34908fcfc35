"""The capability expressions K-1 to K-7 of RFC 2879 section 4, repaired, and the documents D-1 to D-14."""

K1 = """(& (image-file-structure=TIFF-minimal) (MRC-mode=0) (color=Binary) (image-coding=MH) (MRC-mode=0)
   (| (& (dpi=204) (dpi-xyratio=[204/98,204/196]) ) (& (dpi=200) (dpi-xyratio=[200/100,1]) ) )
   (size-x<=2150/254) (paper-size=A4) (ua-media=stationery) )"""

BIRES = """(| (& (dpi=204) (dpi-xyratio=[204/98,204/196])) (& (dpi=200) (dpi-xyratio=[200/100,1]))
 (& (dpi=300) (dpi-xyratio=1)))"""
BIRES6 = BIRES[:-1] + " (& (dpi=[300,400]) (dpi-xyratio=1)))"
BIRES6 = BIRES6.replace("(& (dpi=300) (dpi-xyratio=1)) ", "")
BICOD = """(| (image-coding=[MH,MR,MMR]) (& (image-coding=JBIG) (image-coding-constraint=JBIG-T85)
 (JBIG-stripe-size=128)))"""
JPEG = "(image-coding=JPEG) (image-coding-constraint=JPEG-T4E)"
T43 = """(image-coding=JBIG) (image-coding-constraint=JBIG-T43) (JBIG-stripe-size=128)
 (image-interleave=stripe)"""
LAB = "(color-space=CIELAB) (color-illuminant=D50) (CIELAB-L-min>=0) (CIELAB-L-max<=100)"
AB = "(CIELAB-a-min>=-85) (CIELAB-a-max<=85) (CIELAB-b-min>=-75) (CIELAB-b-max<=125)"
SQ3 = "(dpi=[100,200,300]) (dpi-xyratio=1)"
SQ4 = "(dpi=[100,200,300,400]) (dpi-xyratio=1)"
TAIL = "(size-x<=2150/254) (paper-size=[letter,A4,B4]) (ua-media=stationery)"
TIFF = "(image-file-structure=TIFF) (MRC-mode=0)"

K2 = f"(& {TIFF} (color=Binary) {BIRES} {BICOD} {TAIL})"
K3 = f"""(& {TIFF} (| (& (color=Binary) {BICOD} {BIRES})
 (& (color=Grey) (color-levels<=256) {LAB} (| (& {JPEG}) (& {T43})) {SQ3})) {TAIL})"""
K4 = f"""(& {TIFF} (| (& (color=Binary) (image-coding=[MH,MR,MMR]) {BIRES})
 (& (color=grey) {JPEG} (color-levels<=256) {LAB} {SQ3})
 (& (color=full) {JPEG} (color-subsampling=["1:1:1","4:1:1"]) (color-levels<=16777216) {LAB} {AB} {SQ3})) {TAIL})"""


def _full(bires: str, square: str) -> str:
    return f"""(| (& (color=Binary) {BICOD} {bires})
 (& (color=Limited) {T43} (| (& (color-space=[Device-RGB,Device-CMY]) (color-levels<=8))
 (& (color-space=Device-CMYK) (color-levels<=16))) {square})
 (& (color=Mapped) {T43} (color-levels<=65536) {LAB} {AB} {square})
 (& (color=grey) (| (& {JPEG}) (& {T43})) (color-levels<=256) {LAB} {square})
 (& (color=full) (| (& {JPEG} (color-subsampling=["1:1:1","4:1:1"])) (& {T43})) (color-levels<=16777216) {LAB} {AB}
 {square}))"""


K5 = f"(& {TIFF} {_full(BIRES, SQ3)} {TAIL})"
K6 = f"""(& (image-file-structure=TIFF-MRC) (MRC-mode<=1) (MRC-max-stripe-size>=0) {_full(BIRES6, SQ4)}
 {TAIL.replace("2150", "2550")})"""
K7 = """(&(image-file-structure=TIFF-minimal)(MRC-mode=0)(color=Binary)
(|(&(dpi=204)(dpi-xyratio=[204/98,204/196]) )(&(dpi=200)(dpi-xyratio=[200/100,1]) )(&(dpi=400)(dpi-xyratio=1) ) )
(|(image-coding=[MH,MR,MMR])(&(image-coding=JBIG)(image-coding-constraint=JBIG-T85)(JBIG-stripe-size=128) ) )
(paper-size=[letter,A4,B4])(ua-media=stationery) )"""
RECEIVERS = (K1, K2, K3, K4, K5, K6, K7)

D3 = """(& (color=Binary) (image-file-structure=TIFF) (image-coding=JBIG) (image-coding-constraint=JBIG-T85)
 (JBIG-stripe-size=128) (dpi=300) (dpi-xyratio=1) (paper-size=A4))"""
D6 = """(& (color=full) (color-levels=16777216) (image-file-structure=TIFF) (image-coding=JPEG)
 (image-coding-constraint=JPEG-T4E) (color-subsampling="4:1:1") (dpi=300) (dpi-xyratio=1) (color-space=CIELAB)
 (paper-size=A4))"""
D9 = """(& (color=limited) (color-levels=16) (color-space=Device-CMYK) (image-file-structure=TIFF) (image-coding=JBIG)
 (dpi=200) (dpi-xyratio=1) (paper-size=letter))"""
DOCUMENTS = {
    "D-1": (
        "(& (color=Binary) (image-file-structure=TIFF-minimal) (image-coding=MH) (dpi=200) (dpi-xyratio=200/100)"
        " (size-x=2150/254) (paper-size=A4) (MRC-mode=0))",
        "Y-----Y",
    ),
    "D-2": (
        "(& (color=Binary) (image-file-structure=TIFF) (image-coding=MMR) (dpi=300) (dpi-xyratio=1)"
        " (size-x=2150/254) (paper-size=A4) (MRC-mode=0))",
        "-YYYY--",
    ),
    "D-3": (D3, "-YY-Y--"),
    "D-4": (D3.replace("=128", "=3508"), "-------"),
    "D-5": (
        "(& (color=grey) (color-levels=256) (image-file-structure=TIFF) (image-coding=JPEG)"
        " (image-coding-constraint=JPEG-T4E) (dpi=200) (dpi-xyratio=1) (color-space=CIELAB) (paper-size=A4))",
        "--YYY--",
    ),
    "D-6": (D6, "---YY--"),
    "D-7": (D6.replace("dpi=300", "dpi=400"), "-------"),
    "D-8": (
        "(& (color=mapped) (color-levels=4096) (image-file-structure=TIFF) (image-coding=JBIG)"
        " (image-coding-constraint=JBIG-T43) (dpi=200) (dpi-xyratio=1) (paper-size=letter))",
        "----Y--",
    ),
    "D-9": (D9, "----Y--"),
    "D-10": (D9.replace("CMYK", "RGB"), "-------"),
    "D-11": (
        "(& (color=Binary) (image-file-structure=TIFF) (image-coding=MMR) (dpi=200) (dpi-xyratio=1) (paper-size=A3)"
        " (size-x=3030/254))",
        "-------",
    ),
    "D-12": (
        "(& (color=Binary) (image-file-structure=TIFF) (image-coding=MMR) (dpi=204) (dpi-xyratio=204/391)"
        " (paper-size=A4))",
        "-------",
    ),
    "D-13": (
        D6.replace("dpi=300", "dpi=200")
        .replace("=TIFF)", "=TIFF-MRC)")
        .replace("(paper", "(MRC-mode=1) (MRC-max-stripe-size=256) (paper"),
        "-----Y-",
    ),
}
