"""Files to banks and the store that keeps every file: collect, generate, archive, upload, settle what is not known.

A payment file is a visible line of steps whose state in the database says where it stopped; running a step again is
safe. Content lies in the store in enciphered pieces, so any process opens it. Rows C47, C52-C55, C68-C79.
"""

from gateway.clearing.files.archive import Archive
from gateway.clearing.files.carry import OutgoingFiles
from gateway.clearing.files.cutoff import CutOffs
from gateway.clearing.files.fronts import ChannelFronts
from gateway.clearing.files.model import FileFront, FileRecord, FileSettings, FileState, Fronts
from gateway.clearing.files.numbering import Numbering
from gateway.clearing.files.register import Register
from gateway.clearing.files.routes import BatchRoutes
from gateway.clearing.files.store import FILE, FILE_DIGEST, FILE_NAME
from gateway.clearing.files.templates import Activated, FileTemplates, NotActivated

__all__ = [
    "FILE",
    "FILE_DIGEST",
    "FILE_NAME",
    "Activated",
    "Archive",
    "BatchRoutes",
    "ChannelFronts",
    "CutOffs",
    "FileFront",
    "FileRecord",
    "FileSettings",
    "FileState",
    "FileTemplates",
    "Fronts",
    "NotActivated",
    "Numbering",
    "OutgoingFiles",
    "Register",
]
