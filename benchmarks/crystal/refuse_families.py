"""How the wordings of reasoning-gym's development families become near misses: (kind, pattern in the request, instead)."""

import re

from benchmarks.crystal.items import Item

Edit = tuple[str, str, str]

EDITS: dict[str, tuple[Edit, ...]] = {
    "base_conversion": (
        ("inserted", r"number (\S+) to ", r"number \1, first increased by {k}, to "),
        ("negated", r"convert the ", "convert the negative of the "),
        ("relative", r"number (\S+) to ", r"number that is {k} more than \1 to "),
        ("unit", r"convert the ", "convert a thousand times the "),
    ),
    "binary_alternation": (
        ("inserted", r"alternating: ([01]+)$", r"alternating, the first swap counting double: \1"),
        (
            "negated",
            r"determine the minimum number of swaps",
            "not counting the first {k}, determine the minimum number of swaps",
        ),
        ("relative", r"determine the minimum number", "determine {k} more than the minimum number"),
        (
            "unit",
            r"determine the minimum number of swaps",
            "determine the minimum time in seconds, {k} seconds per swap,",
        ),
    ),
    "caesar_cipher": (
        ("inserted", r"cipher text:", "cipher text, leaving out its first word:"),
        ("negated", r"^Decrypt this", "Do not decrypt but copy with its words in reverse order this"),
        ("relative", r"only the decrypted text", "only the decrypted text, every letter {k} places further,"),
        ("unit", r"only the decrypted text", "only the number of letters of the decrypted text"),
    ),
    "chain_sum": (
        ("inserted", r"problem: ", "problem, with 10 added to its first term: "),
        ("negated", r"the final answer to", "the negative of the final answer to"),
        ("relative", r"the final answer to", "{k} more than the final answer to"),
        ("unit", r"the final answer to", "the final answer, in dozens, to"),
    ),
    "complex_arithmetic": (
        ("inserted", r"^(\w+) the complex numbers: ", r"\1 the complex numbers, a further {k}i added at the end: "),
        ("negated", r"^(\w+) the complex numbers: ", r"\1 the complex numbers and negate the outcome: "),
        (
            "relative",
            r"^(\w+) the complex numbers: ",
            r"\1 the complex numbers and state what is {k} more than the outcome: ",
        ),
        (
            "unit",
            r"^(\w+) the complex numbers: ",
            r"In polar form (length and angle in degrees), \1 the complex numbers: ",
        ),
    ),
    "count_primes": (
        ("inserted", r"prime numbers there", "prime numbers ending in the digit 3 there"),
        ("negated", r"prime numbers there", "numbers that are not prime there"),
        ("relative", r"and (\d+) \(", r"and {k}000 more than \1 ("),
        ("unit", r"how many prime numbers", "how many pairs of neighbouring prime numbers"),
    ),
    "decimal_arithmetic": (
        ("inserted", r"this problem to", "this problem, {k} added at the end, to"),
        ("negated", r"the final value", "the final value with its sign reversed"),
        ("relative", r"the final value", "what is {k} more than the final value"),
        ("unit", r"the final value", "the final value in percent"),
    ),
    "dice": (
        ("inserted", r"or higher\?", "or higher twice in a row?"),
        ("negated", r"odds of rolling", "odds of not rolling"),
        ("relative", r"What are the odds", "What are half of the odds"),
        (
            "unit",
            r"reduced fraction representing the probability \[ex., 1/60\]",
            "percentage representing the probability [ex., 12.5%]",
        ),
    ),
    "gcd": (
        ("inserted", r"these numbers:", "these numbers and the number 1:"),
        ("negated", r"Give only the GCD", "Do not give the GCD but its negative"),
        ("relative", r"of these numbers:", "of the numbers that are {k} times these numbers:"),
        ("unit", r"Give only the GCD", "Give only the GCD, in dozens,"),
    ),
    "largest_island": (
        ("inserted", r"of an island in grid\.", "of an island in grid plus the number of islands."),
        (
            "negated",
            r"Return the maximum area of an island in grid",
            "Return the number of cells that are not in the largest island",
        ),
        ("relative", r"Return the maximum area", "Return {k} more than the maximum area"),
        ("unit", r"of an island in grid\.", "of an island in grid in square metres, a cell being {k} square metres."),
    ),
    "leg_counting": (
        ("inserted", r"if you have", "if {k} of the legs are missing and you have"),
        ("negated", r"Now, how many legs", "Now, not counting {k} injured ones, how many legs"),
        ("relative", r"if you have ", "if you have {k} times as many as "),
        ("unit", r"how many legs are there in total if", "how many pairs of legs are there in total if"),
    ),
    "maze": (
        ("inserted", r"to reach the goal\?", "to reach the goal and return to the start?"),
        (
            "negated",
            r"What is the minimum number of steps",
            "Not counting {k} of them, what is the minimum number of steps",
        ),
        ("relative", r"What is the minimum number", "What is {k} times the minimum number"),
        ("unit", r"to reach the goal\?", "to reach the goal, in metres at {k} metres a step?"),
    ),
    "number_format": (
        ("inserted", r"pick the (\w+) number", r"pick, and divide by {k}, the \1 number"),
        ("negated", r"pick the (\w+) number", r"pick all numbers except the \1"),
        ("relative", r"pick the (\w+) number", r"give the number that is {k}0 more than the \1 number"),
        ("unit", r"candidates:? ", "candidates, answering in thousands: "),
    ),
    "power_function": (
        ("inserted", r"Compute (\S+)\. Return", r"Compute {k} times the value \1. Return"),
        ("negated", r"Compute (\S+)\. Return", r"Compute the reciprocal of \1. Return"),
        ("relative", r"Compute (\S+)\. Return", r"Compute what is {k}00 times as much as \1. Return"),
        ("unit", r"Compute (\S+)\. Return", r"Compute, in percent, \1. Return"),
    ),
    "products": (
        ("inserted", r"multiplication: ", "multiplication and halve what comes out: "),
        ("negated", r"multiplication: ", "multiplication with the sign of the second factor reversed: "),
        ("relative", r"multiplication: (\d+)", r"multiplication: {k} more than \1"),
        ("unit", r"Give only the result", "Give only the result, in dozens,"),
    ),
    "rotate_matrix": (
        ("inserted", r"Rotate the matrix below by", "Rotate the matrix below, each entry raised by 10, by"),
        (
            "negated",
            r"Rotate the matrix below by",
            "Without its first row, and not otherwise, rotate the matrix below by",
        ),
        ("relative", r"by (\d+) degrees", r"by 90 degrees more than \1 degrees"),
        ("unit", r"Rotate the matrix below by", "With each entry in percent instead of units, rotate the matrix below by"),
    ),
    "simple_equations": (
        ("inserted", r": (?=\S+.* = )", ", and square the solution: "),
        ("negated", r": (?=\S+.* = )", ", but give the negative of the solution: "),
        ("relative", r": (?=\S+.* = )", " and give {k} more than the solution: "),
        ("unit", r": (?=\S+.* = )", ", in tenths: "),
    ),
    "spell_backward": (
        ("inserted", r"backward \(", "backward and add an s ("),
        ("negated", r"Spell this word backward", "Do not spell this word backward but forward"),
        (
            "relative",
            r"Spell this word backward",
            "Drop the first two letters and spell the rest of this word backward",
        ),
        ("unit", r"Spell this word backward", "In Morse code, spell this word backward"),
    ),
    "string_insertion": (
        ("inserted", r"according to the pattern: ", "according to the pattern and adding a final E: "),
        (
            "negated",
            r"provide the answer after inserting",
            "provide the answer, but not its first character, after inserting",
        ),
        ("relative", r"provide the answer after inserting", "provide {k} copies of the answer after inserting"),
        ("unit", r"provide the answer after inserting", "provide the length of the answer after inserting"),
    ),
    "string_splitting": (
        ("inserted", r"Provide the count of each", "Provide the sum of the counts of each"),
        (
            "negated",
            r"Provide the count of each machine and part type",
            "Provide the count of each machine and part type that is not A",
        ),
        ("relative", r"Now, you have (\d+) machine A", r"Now, you have {k} more than \1 machine A"),
        ("unit", r"Now, you have ([1-9]\d*) machine A", r"Now, you have \1 dozen machine A"),
    ),
    "time_intervals": (
        ("inserted", r"\?", " if only its second half counts?"),
        ("negated", r"\?", " if its last third is not counted?"),
        ("relative", r"\?", " if everything had taken {k} times as long?"),
        ("unit", r" in (D days, |HH:|D days)[\w:., ]*\.$", " in weeks as a decimal number."),
    ),
    "word_sorting": (
        ("inserted", r"and return them as", "and return them, the first one left out, as"),
        ("negated", r"sort these words in (\w+) order", r"sort these words not in \1 but in the opposite order"),
        ("relative", r"and return them as", "and return only those after the second as"),
        ("unit", r"and return them as", "and return their numbers of letters as"),
    ),
}  # fmt: skip

# With these answers a doubled or negated request may come out the same.
_FIXED_POINTS = {"1", "-1", "1.0", "1/2", "1/1"}
_OTHER = re.compile("[^0 :.,-]")


def settled(item: Item) -> bool:
    """Whether every change of this request changes its answer."""
    answer = item.answer
    if item.klass == "spell_backward" and answer == answer[::-1]:
        return False
    return answer not in _FIXED_POINTS and not answer.startswith(("1.00e", "-1.00e")) and bool(_OTHER.search(answer))
