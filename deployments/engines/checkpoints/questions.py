"""Ten simple factual questions with the words that a right answer holds; none is among the healing prompts."""

Questions = tuple[tuple[str, tuple[str, ...]], ...]

QUESTIONS: Questions = (
    ("What is the capital of France?", ("paris",)),
    ("What is the capital of England?", ("london",)),
    ("What color is the sky on a clear day?", ("blue",)),
    ("How many days are in a week?", ("seven", "7")),
    ("What is the largest planet in our solar system?", ("jupiter",)),
    ("Who wrote Romeo and Juliet?", ("shakespeare",)),
    ("What is the chemical symbol for water?", ("h2o",)),
    ("What is the opposite of hot?", ("cold",)),
    ("How many legs does a spider have?", ("eight", "8")),
    ("What language is spoken in Brazil?", ("portuguese",)),
)


def right(answer: str, accepted: tuple[str, ...]) -> bool:
    """Tell whether *answer* names one of the accepted words, case and subscripts aside."""
    plain = answer.lower().replace("₂", "2")
    return any(word in plain for word in accepted)
