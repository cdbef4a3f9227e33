"""Run the benchmarks: ``python -m benchmarks [name ...]``. Prints tables; writes benchmarks/out/<name>.json."""

import json
import platform
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks import demo, dispatch, index, korean, latency, semantic

OUT = Path(__file__).with_name("out")
RUNS: dict[str, Callable[[], dict[str, Any]]] = {
    "latency": latency.main,
    "dispatch": dispatch.main,
    "semantic": semantic.main,
    "korean": korean.main,
    "demo": demo.main,
    "index": index.main,
}


def main() -> None:
    """Run what is named, or all."""
    names = sys.argv[1:] or list(RUNS)
    unknown = sorted(set(names) - set(RUNS))
    if unknown:
        raise SystemExit(f"unknown benchmark: {', '.join(unknown)}; there are {', '.join(RUNS)}")
    OUT.mkdir(exist_ok=True)
    packages = (
        "seglam",
        "sqlalchemy",
        "faiss-cpu",
        "onnxruntime",
        "pydantic-monty",
        "langchain-core",
        "llama-index-core",
    )
    machine = {
        "python": platform.python_version(),
        "machine": platform.machine(),
        **{name: version(name) for name in packages},
    }
    for name in names:
        results = RUNS[name]()
        (OUT / f"{name}.json").write_text(json.dumps({"environment": machine, "results": results}, indent=2) + "\n")


if __name__ == "__main__":
    main()
