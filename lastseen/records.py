"""Bytes of a log file to Arrow batches of records, with nothing copied and nothing lost.

A record is a line, or a line and those that continue it. Its text is a string view into the bytes as
they were read, so 500 MB of log cost the search for line ends and no more.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BufferedIOBase
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from lastseen.errors import UserError
from lastseen.logfile import Ends
from lastseen.unpack import DAMAGED, STEP

CHUNK = 4 << 20
"""Bytes read at a time; a longer line makes a longer chunk."""
LONGEST = 256 << 20
"""Bytes of the longest line that is read; one line more than this is a file that is no log."""
HUGE = 32 << 20
"""Bytes of the longest record that a format gets to see: a page of an API's answer has a few million."""
TAIL = 64 << 10
"""Bytes before the place reached that a reader remembers."""
BATCH = 6144
"""Rows handed to DuckDB at a time: three of its vectors, so that both cores get their share."""
SCHEMA = pa.schema([("line", pa.int64()), ("text", pa.string_view())])

_NEWLINE, _RETURN = 10, 13
_INLINE = 12
"""A string view of up to 12 bytes holds them itself (Arrow columnar format, variable-size binary view)."""
_VIEW = np.dtype([("length", "<i4"), ("prefix", "<u4"), ("buffer", "<i4"), ("offset", "<i4")])

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Chunk:
    """Some whole records of a file, in order."""

    lines: Ints
    """The line at which each record begins, counted from 1."""
    texts: Any
    """Their texts: an Arrow ``string_view`` array, without the line ends."""
    huge: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    """Those longer than ``HUGE``, by their place, counted from 0."""

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the chunk as batches of ``SCHEMA``."""
        whole = pa.record_batch([pa.array(self.lines), self.texts], schema=SCHEMA)
        for start in range(0, whole.num_rows, BATCH):
            yield whole.slice(start, BATCH)


class Reader:
    """Reads a stream as chunks of records, and knows how far it has come."""

    def __init__(
        self,
        stream: BufferedIOBase,
        starts: str | None = None,
        line: int = 1,
        tail: bytes = b"",
        ends: Ends = Ends.WHOLE,
    ) -> None:
        self._stream = stream
        self._starts = starts
        self._ends = ends
        self.tail = tail
        """The last bytes that went into the chunks yielded so far, up to ``TAIL`` of them."""
        self.consumed = 0
        """Bytes of the stream that went into the chunks yielded so far, its line ends included."""
        self.line = line
        """The number of the line that comes next."""
        self.held = 0
        """Bytes at the stream's end that went into no chunk, for they are no whole record yet."""
        self.problem: str | None = None
        """Why the stream ended before its end, where it did."""

    def chunks(self) -> Iterator[Chunk]:
        """Yield the stream's records; of the last one, what ``ends`` says."""
        carry = np.empty(0, np.uint8)
        held = 0
        while True:
            data, end = self._more(carry)
            if not len(data):
                return
            cut = (
                self._cut_at_end(data)
                if end
                else self._cut(data, held)
                if data.any()
                else len(data)
            )
            if cut:
                chunk, cut = self._chunk(data[:cut], last=end and self._ends is not Ends.RECORDS)
                self.consumed += cut
                self.tail = (self.tail + data[max(0, cut - TAIL) : cut].tobytes())[-TAIL:]
                if len(chunk.lines):
                    yield chunk
            carry = data[cut:]
            held = len(carry)
            if held > LONGEST:
                raise UserError(
                    f"line {self.line}: over {LONGEST >> 20} MB without an end; is this a log?"
                )
            if end:
                self.held = held
                return

    def _cut_at_end(self, data: Bytes) -> int:
        """Return how much of a stream's last bytes may be taken."""
        return len(data) if self._ends is Ends.WHOLE else self._cut(data, 0)

    def _more(self, carry: Bytes) -> tuple[Bytes, bool]:
        """Return what was left over and what comes next, and whether that was all."""
        room = max(CHUNK, len(carry))
        data = np.frombuffer(pa.allocate_buffer(len(carry) + room), np.uint8)
        data[: len(carry)] = carry
        size = len(carry)
        try:
            while size < len(data):
                got = self._stream.readinto1(data[size : size + STEP].data)
                if not got:
                    return data[:size], True
                size += got
        except DAMAGED as error:
            self.problem = f"ends before its end ({error}); what came before that was read"
            return data[:size], True
        return data, False

    @staticmethod
    def _cut(data: Bytes, known: int) -> int:
        """Return where the last whole line ends; the first ``known`` bytes hold no line end."""
        tail = data[known:]
        for back in range(1, len(tail) // 65536 + 2):
            part = tail[max(0, len(tail) - back * 65536) :]
            if len(ends := np.flatnonzero(part == _NEWLINE)):
                return known + len(tail) - len(part) + int(ends[-1]) + 1
        return 0

    def _chunk(self, data: Bytes, *, last: bool) -> tuple[Chunk, int]:
        """Return the records of whole lines of bytes, and how many bytes they took."""
        size = len(data)
        clean = _utf8(data)
        begins, ends = _lines(clean)
        numbers = np.arange(self.line, self.line + len(begins), dtype=np.int64)
        if self._starts and len(begins):
            first = _record_starts(clean, begins, self._starts)
            kept = len(begins) if last else int(first[-1])
            if not kept and size <= LONGEST:
                return Chunk(numbers[:0], _views(clean, begins[:0], ends[:0])), 0
            if kept and kept < len(begins):
                size -= (
                    len(clean) - int(begins[kept]) if clean is data else self._original(data, kept)
                )
                first = first[:-1]
            begins, ends, numbers = (
                begins[first],
                np.append(ends[first[1:] - 1], ends[kept - 1]),
                numbers[first],
            )
            self.line += kept
        else:
            self.line += len(begins)
        ends = _without_return(clean, begins, ends)
        full = ends > begins
        begins, ends = begins[full], ends[full]
        huge = np.flatnonzero(ends - begins > HUGE)
        return Chunk(numbers[full], _views(clean, begins, ends), huge), size

    @staticmethod
    def _original(data: Bytes, line: int) -> int:
        """Return how many bytes there are from the start of a line (counted from 0) in bytes as read."""
        return len(data) - int(np.flatnonzero(data == _NEWLINE)[line - 1]) - 1


def _utf8(data: Bytes) -> Bytes:
    r"""Return valid UTF-8 without NUL: bad bytes become ``\xNN``, NULs (holes of a truncated file) go."""
    if not len(data) or (data.max() < 0x80 and data.min() > 0):  # noqa: PLR2004 - plain ASCII, the common case
        return data
    text = data.tobytes().replace(b"\0", b"")
    try:
        decoded = text.decode()
    except UnicodeDecodeError:
        decoded = text.decode(errors="backslashreplace")
    decoded = decoded.removeprefix("\ufeff")
    return np.frombuffer(decoded.encode(), np.uint8)


def _lines(data: Bytes) -> tuple[Ints, Ints]:
    """Return where each line begins and where it ends, its line end not counted."""
    # A part at a time, so that what is compared stays in the processor's cache.
    parts = range(0, len(data), STEP)
    found = [np.flatnonzero(data[at : at + STEP] == _NEWLINE) + at for at in parts]
    ends = np.concatenate(found) if found else np.empty(0, np.int64)
    if len(data) and data[-1] != _NEWLINE:
        ends = np.append(ends, len(data))
    begins = np.empty_like(ends)
    if len(ends):
        begins[0] = 0
        begins[1:] = ends[:-1] + 1
    return begins, ends


def _without_return(data: Bytes, begins: Ints, ends: Ints) -> Ints:
    """Return ends that leave out the carriage return of CRLF."""
    last = data[np.maximum(ends - 1, 0)]
    stripped: Ints = ends - ((last == _RETURN) & (ends > begins))
    return stripped


def _record_starts(data: Bytes, begins: Ints, starts: str) -> Ints:
    """Return which lines begin a record; the first always does, for there is nothing it could continue."""
    offsets = np.append(begins, len(data)).astype(np.int32)
    texts = pa.StringArray.from_buffers(len(begins), pa.py_buffer(offsets), pa.py_buffer(data))
    found = pc.match_substring_regex(texts, pattern=starts)
    matches: npt.NDArray[np.bool_] = found.to_numpy(zero_copy_only=False)
    matches[0] = True
    return np.flatnonzero(matches)


def _views(data: Bytes, begins: Ints, ends: Ints) -> Any:
    """Return parts of the bytes as an Arrow string-view array, without copying them."""
    count = len(begins)
    views = np.zeros(count, _VIEW)
    length = ends - begins
    views["length"], views["offset"] = length, begins
    if count:
        at = np.minimum(begins[:, None] + np.arange(4), len(data) - 1)
        views["prefix"] = data[at].view("<u4")[:, 0]
        short = np.flatnonzero(length <= _INLINE)
        cells = views.view(np.uint8).reshape(count, 16)
        cells[short, 4:] = 0
        for place in range(_INLINE):
            rows = short[length[short] > place]
            cells[rows, 4 + place] = data[begins[rows] + place]
    return pa.Array.from_buffers(
        pa.string_view(), count, [None, pa.py_buffer(views), pa.py_buffer(data)]
    )
