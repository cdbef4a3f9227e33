from typing import Protocol

from seglam.agreement import agree


class Judge(Protocol):
    def agree(self, question: str, expected: str, actual: str, kind: str) -> bool: ...
class ByValue:
    def agree(self, question, expected, actual, kind): return agree(expected, actual, kind)
def judged(judge, question, expected, actual, kind):
    try: return bool(judge.agree(question, expected, actual, kind))
    except Exception: return False
