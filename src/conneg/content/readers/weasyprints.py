"""The door to WeasyPrint: loads it, where it and Pango are installed, and takes back what that changes for others."""

import functools
from types import ModuleType


@functools.cache
def load() -> ModuleType | None:
    """Return the module, or None where it cannot be used.

    Loading it makes Pillow fill up damaged pictures with grey, for the whole process; here damage is an error.
    """
    try:
        import weasyprint
    except (ImportError, OSError):  # OSError: a library of the system is not there
        return None
    from PIL import ImageFile

    ImageFile.LOAD_TRUNCATED_IMAGES = False
    module: ModuleType = weasyprint
    return module
