"""Side by side with raw vLLM and ray.serve.llm, on one machine, in turns: ``make bench``."""
