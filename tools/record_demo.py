"""Write the prompts that the demo's tape does not hold yet to a pending file, playing on past them.

    python tools/record_demo.py PENDING [--tape TAPE]

A prompt without a reply fails its request (or its compilation) and the stream goes on, so that one run finds all prompts
that do not depend on another missing reply. Answer them, join them with tools/record_tape.py, and run again until none is left.
"""

import argparse
from pathlib import Path

from seglam import Cache, Policy
from seglam.demo.applications import CountedModel, core_application, langchain_application, llamaindex_application
from seglam.demo.play import TAPE
from seglam.demo.traffic import stream
from seglam.errors import TapeError
from seglam.tape import Tape


def main() -> None:
    """Play the default stream and count what is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pending", type=Path)
    parser.add_argument("--tape", type=Path, default=TAPE)
    options = parser.parse_args()
    options.pending.unlink(missing_ok=True)
    model = CountedModel(Tape(options.tape, pending=options.pending))
    with Cache.open(":memory:", compiler=model, policy=Policy()) as cache:
        applications = {
            "core": core_application(cache, model),
            "langchain": langchain_application(cache, model),
            "llamaindex": llamaindex_application(cache, model),
        }
        for item in stream():
            try:
                applications[item.route](item.text)
            except TapeError:
                continue
            finally:
                cache.drain()
        print(cache.stats())
    missing = len(options.pending.read_text().splitlines()) if options.pending.exists() else 0
    print(f"{missing} prompts are pending")


if __name__ == "__main__":
    main()
