"""The prompts that demo models are calibrated and healed on: our own templates over our own lists, shuffled with a seed."""

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from random import Random

from deployments.engines.checkpoints.progress import CheckpointError

COUNTRIES = ["Italy", "Spain", "Germany", "Japan", "China", "India", "Brazil", "Canada", "Egypt", "Mexico", "Russia", "Greece", "Norway", "Kenya", "Peru", "Portugal", "Turkey", "Australia", "Sweden", "Poland", "Thailand", "Argentina", "Ireland", "Vietnam"]
THINGS = ["photosynthesis", "gravity", "a black hole", "the water cycle", "democracy", "inflation", "the internet", "a computer virus", "electricity", "DNA", "an earthquake", "a rainbow", "the immune system", "evolution", "a vaccine", "the moon", "a volcano", "machine learning", "a database", "climate change", "the heart", "a magnet", "sound", "friction", "the stock market", "a neural network", "an atom", "plate tectonics", "a compiler", "encryption"]
PEOPLE = ["Albert Einstein", "Marie Curie", "Isaac Newton", "Leonardo da Vinci", "Charles Darwin", "Mahatma Gandhi", "Napoleon", "Cleopatra", "Mozart", "Nelson Mandela", "Galileo", "Ada Lovelace"]
WORDS = ["happy", "fast", "big", "difficult", "brave", "quiet", "old", "bright", "kind", "strong", "early", "full"]
ANIMALS = ["dog", "whale", "penguin", "elephant", "bee", "eagle", "frog", "horse", "octopus", "ant", "tiger", "snake"]
TASKS = ["reverses a string", "adds two numbers", "finds the largest number in a list", "checks whether a number is prime", "counts the words in a sentence", "sorts a list of numbers", "computes the factorial of n", "removes duplicates from a list", "checks whether a word is a palindrome", "reads a file line by line", "converts Celsius to Fahrenheit", "sums the even numbers in a list"]
LANGUAGES = ("Python", "JavaScript", "Java")
TONGUES = ("French", "Spanish", "German", "Chinese")
SENTENCES = ["Good morning.", "Where is the station?", "I like to read books.", "The weather is nice today.", "Thank you very much.", "How much does this cost?", "My brother lives in London.", "We are going to the market.", "The cat sleeps on the chair."]
PASSAGES = (
    "The river rose after three days of rain. Farmers moved their animals to higher ground, and the school closed until the bridge could be checked.",
    "Anna Keller, 34, opened a small bakery in Zurich in 2019. She sells forty kinds of bread and now employs six people.",
    "Bees visit flowers to collect nectar. While they do so, pollen sticks to their bodies and travels to the next flower, which lets plants make seeds.",
    "Our meeting moved from Monday to Thursday at 10 am. Please bring the budget figures and tell Mr Lopez, lopez@example.com, about the change.",
    "The new phone has a larger screen and a better camera, but its battery lasts only nine hours and it costs 899 dollars.",
    "Trains between the two cities were slow for decades. Since the tunnel opened, the trip takes fifty minutes and twice as many people travel.",
)
TOPICS = ["the sea", "a lost key", "friendship", "autumn", "a robot who learns to paint", "a small village", "the first day of school", "a long train ride", "a dragon", "the stars", "my grandmother's garden", "a winter night"]
ADVICE = ["sleep better", "learn a new language", "save money", "stay healthy", "make new friends", "prepare for an interview", "write a good essay", "reduce stress", "start running", "cook rice", "grow tomatoes", "study for an exam", "be more productive", "bake bread", "plan a trip", "learn to swim"]
ODD = ["Hello!", "Hi, how are you?", "Good evening.", "Thanks for your help!", "Who are you?", "Tell me a joke.", "What can you do?", "Give me a fun fact.", "List five fruits.", "List the planets of the solar system.", "Name three primary colors.", "What are the four seasons?", "Name the continents.", "How many months are in a year?", "How many hours are in a day?", "How many minutes are in an hour?", "What do cows eat?", "What is the boiling point of water?", "What is the chemical symbol for gold?", "What is the chemical symbol for oxygen?", "What is the tallest mountain in the world?", "What is the longest river in the world?", "What is the largest ocean?", "What is the smallest planet?", "Which planet is closest to the sun?", "Which planet is known as the red planet?", "Who wrote Hamlet?", "Who painted the Mona Lisa?", "Who was the first president of the United States?", "Who discovered penicillin?", "What is the currency of Japan?", "What is the fastest land animal?", "What is the largest animal on earth?", "What do bees make?", "How many continents are there?", "How many sides does a triangle have?", "How many wheels does a bicycle have?", "What color is grass?", "What color is a banana?", "What color is snow?", "What is ice made of?", "Is the sun a star?", "What gas do plants take in?", "What is the freezing point of water?", "In which year did World War II end?", "What is the square root of 81?", "What is the opposite of up?", "What is the opposite of day?", "What comes after Tuesday?", "What language is spoken in Germany?"]
CHINESE = ["你好！", "你是谁？", "谢谢你。", "中国的首都是哪里？", "日本的首都是哪里？", "请介绍一下北京。", "什么是人工智能？", "请写一首关于春天的短诗。", "天空是什么颜色的？", "一年有几个月？", "请用中文解释什么是重力。", "水的化学式是什么？", "怎样才能学好英语？", "请列出三种水果。", "请把“我喜欢读书”翻译成英文。", "请把“今天天气很好”翻译成英文。", "太阳系有哪些行星？", "三加五等于多少？", "请讲一个小故事。", "长城在哪里？", "什么是光合作用？", "如何保持健康？", "请写一个Python函数，计算两个数的和。", "熊猫吃什么？"]


def written(seed: int) -> list[str]:
    """List every prompt of ours in the order that *seed* shuffles them."""
    prompts = list(dict.fromkeys(_all()))
    Random(seed).shuffle(prompts)
    return prompts


def read(path: Path) -> list[str]:
    """Read a user's prompts, one a line."""
    try:
        prompts = [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise CheckpointError(f"--data {path} cannot be read as UTF-8 text: {error}") from error
    if len(prompts) < 20:
        raise CheckpointError(f"--data {path} holds {len(prompts)} prompts; give at least 20, one a line")
    return prompts


def _all() -> Iterator[str]:
    yield from ODD
    yield from CHINESE
    yield from _facts()
    yield from _arithmetic()
    yield from _code()
    yield from _language()
    yield from _passages()
    yield from _writing()


def _facts() -> Iterator[str]:
    for country in COUNTRIES:
        yield f"What is the capital of {country}?"
        yield f"Tell me about {country}."
        yield f"On which continent is {country}?"
    for thing in THINGS:
        yield f"What is {thing}?"
        yield f"Explain {thing} to a child."
        yield f"Why does {thing} matter?"
    for person in PEOPLE:
        yield f"Who was {person}?"
        yield f"What is {person} famous for?"
    for animal in ANIMALS:
        yield f"How many legs does a {animal} have?"
        yield f"Describe a {animal} in two sentences."


def _arithmetic() -> Iterator[str]:
    for a, b in product((3, 7, 12, 25), (4, 6, 15)):
        yield f"What is {a} + {b}?"
        yield f"What is {a} times {b}?"
        yield f"A shop sells {a} apples in the morning and {b} in the afternoon. How many apples does it sell in all?"


def _code() -> Iterator[str]:
    for task, language in product(TASKS, LANGUAGES):
        yield f"Write a {language} function that {task}."
    for task in TASKS:
        yield f"Explain step by step how a program {task}."


def _language() -> Iterator[str]:
    for sentence, tongue in product(SENTENCES, TONGUES):
        yield f"Translate to {tongue}: {sentence}"
    for word in WORDS:
        yield f"What is the opposite of {word}?"
        yield f"Give three synonyms for {word}."
        yield f"Use the word {word} in a sentence."


def _passages() -> Iterator[str]:
    for passage in PASSAGES:
        yield f"Summarize in one sentence: {passage}"
        yield f"{passage}\n\nWhat is this text about?"
        yield f"List the names, places and numbers in this text.\n\n{passage}"
        yield f"Rewrite this text in simpler words: {passage}"


def _writing() -> Iterator[str]:
    for topic in TOPICS:
        yield f"Write a short story about {topic}."
        yield f"Write a poem about {topic}."
    for goal in ADVICE:
        yield f"How can I {goal}?"
        yield f"Give me three tips to {goal}."
    yield from (f"Write a polite email asking for {what}." for what in ("a day off", "a refund", "a meeting", "feedback"))
