"""Why an engine is set up as it is, in few words: `tercet check` shows them beside the settings."""

from __future__ import annotations

from collections.abc import Mapping

ARGUMENTS: Mapping[str, str] = {
    "compilation_config": "compiling takes minutes at the first start; custom ops give wrong text on CPU",
    "dtype": "half the memory of float32, which is what decoding waits for",
    "enable_chunked_prefill": "a long prompt is read between the tokens of running answers",
    "enable_lora": "the pool has adapters",
    "enable_prefix_caching": "a prefix that prompts share is read once",
    "kv_cache_memory_bytes": "a fixed size, or each engine would take its share of the whole machine",
    "max_cpu_loras": "more adapters than these are read from disk again when they are used",
    "max_lora_rank": "as most adapters are published",
    "max_loras": "adapters that one batch can mix",
    "max_num_batched_tokens": "a CPU reads slowly: longer chunks of a prompt would stall every running answer",
    "max_num_seqs": "more answers at a time only make each slower",
    "structured_outputs_config": "the same back end for every request: an engine keeps the first",
    "runner": "the model answers with vectors and scores",
}

SHARED: Mapping[str, str] = {
    "OMP_NUM_THREADS": "engines share the cores, and more threads would wait for each other",
    "VLLM_CPU_OMP_THREADS_BIND": "a thread runs where a core is free",
}
ENVIRONMENT: Mapping[str, str] = {
    "DO_NOT_TRACK": "nothing is reported to anyone",
    "HF_HUB_OFFLINE": "the checkpoint is on the machine, so no hub is asked",
    "KMP_AFFINITY": "a thread stays on its core",
    "KMP_BLOCKTIME": "threads sleep soon after a step",
    "KMP_TPAUSE": "threads that wait leave the core alone",
    "LD_PRELOAD": "Intel's OpenMP and tcmalloc, loaded first: a quarter more tokens a second",
    "OMP_NUM_THREADS": "the engine's own cores, less one for its scheduler",
    "TOKENIZERS_PARALLELISM": "tokenizing takes no threads from the engines",
    "VLLM_CPU_OMP_THREADS_BIND": "known when a replica starts; nobody else's",
    "VLLM_DO_NOT_TRACK": "nothing is reported to anyone",
    "VLLM_LOGGING_LEVEL": "warnings and errors only",
    "VLLM_NO_USAGE_STATS": "nothing is reported to anyone",
}
