"""Add recorded replies to a tape.

A replay with a pending file (``Tape(path, pending=...)``) writes the prompts that have no reply. Someone, or something, that
sees nothing but those prompts answers them; this tool joins both files. It never writes a reply itself.

    python tools/record_tape.py TAPE PENDING REPLIES --model NAME --date YYYY-MM-DD

REPLIES holds one JSON object a line: {"digest": ..., "reply": ...}. A file whose name ends in .gz is compressed; equal rows
give equal bytes. Token counts are estimates (characters / 4, rounded up), and the header says so.
"""

import argparse
import gzip
import io
import json
from pathlib import Path
from typing import Any


def main() -> None:
    """Join pending prompts with replies."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tape", type=Path)
    parser.add_argument("pending", type=Path)
    parser.add_argument("replies", type=Path)
    parser.add_argument("--model", required=True)
    parser.add_argument("--date", required=True)
    options = parser.parse_args()
    prompts = {row["digest"]: row["prompt"] for row in _rows(options.pending)}
    replies = {row["digest"]: row["reply"] for row in _rows(options.replies)}
    rows = _rows(options.tape) if options.tape.exists() else [_header(options.model, options.date)]
    known = {row.get("digest") for row in rows}
    for digest, prompt in prompts.items():
        if digest in known or digest not in replies:
            continue
        reply = replies[digest]
        tokens = {"input_tokens": -(-len(prompt) // 4), "output_tokens": -(-len(reply) // 4)}
        rows.append(
            {"digest": digest, "prompt": prompt, "reply": reply, "model": options.model, "date": options.date, **tokens}
        )
    _write(options.tape, rows)
    missing = [digest for digest in prompts if digest not in replies and digest not in known]
    print(f"{len(rows) - 1} exchanges on the tape, {len(missing)} pending prompts without a reply")


def _header(model: str, date: str) -> dict[str, Any]:
    made = (
        f"recorded from a large language model, {date}; it saw only the prompts, many of them in one session, so a later reply "
        "may lean on an earlier one; token counts are characters / 4"
    )
    return {"tape": 1, "model": model, "made": made}


def _rows(path: Path) -> list[dict[str, Any]]:
    data = path.read_bytes()
    lines = (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8").splitlines()
    return [json.loads(line) for line in lines if line.strip()]


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    data = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode("utf-8")
    if path.suffix == ".gz":
        buffer = io.BytesIO()
        # Without a name and a time in it, so that the same rows are the same file.
        with gzip.GzipFile(filename="", mode="wb", fileobj=buffer, mtime=0) as file:
            file.write(data)
        data = buffer.getvalue()
    path.write_bytes(data)


if __name__ == "__main__":
    main()
