# ruff: noqa: E501 - lines as they are printed
"""Bad documents and the exact lines that they get."""

from __future__ import annotations

import pytest

from cluster.document import parse
from cluster.resolve import resolve
from deployments.engines.cpu_settings import CUSTOM_OPS, EAGER
from deployments.nodes.registry import KINDS
from tests.cluster.builders import LAPTOP, look, machine


def model(rest: str) -> str:
    """Return a document with one model that also says *rest*."""
    return f"models: {{dense: {{family: dense, source: demo/dense{', ' if rest else ''}{rest}}}}}\n"


PAIR = "models: {dense: {family: dense, source: demo/dense}, moe: {family: moe, source: demo/moe}}\n"

# fmt: off
BAD = {
    "layers that cannot work": (
        model("") + """graph:
  a: {admission: dense, concurent: 3}
  b: {admission: dense, wait: 5s, ageing: 5s}
  c: {admission: dense, classes: {x: {}, y: {when: {tenant: t}}}}
  d: {coalesce: dense, window: 0}
  e: {batch: dense, max: 1}
  f: {coalesce: dens}
""",
        [
            "graph.a.concurent: is not a known key; did you mean concurrent? known: admission, ageing, classes, concurrent, per_tenant, queue, wait",
            "graph.b.ageing: 5 is not less than wait (5 s), so that nobody would wait long enough",
            "graph.c.classes: \"y\" has no default; end it with a class that has no 'when'",
            "graph.c.classes.x: \"x\" has no 'when', so no later class is ever used; put it last",
            "graph.d.window: 0 is not greater than 0",
            "graph.e.max: 1 is less than 2",
            "graph.f.coalesce: \"dens\" is neither a model nor a graph node; did you mean dense? known: a, b, c, d, dense, e, f",
        ],
    ),
    "max below the default min": (
        model("replicas: {max: 0}"),
        [
            "models.dense.replicas.max: 0 is less than min (1)",
        ],
    ),
    "a pool of none": (
        model("replicas: {min: 0, max: 0}"),
        [
            "models.dense.replicas.max: 0 is less than 1; a pool that may never have a replica answers nothing",
        ],
    ),
    "speculation that no engine would start with": (
        model("engine: {speculative_config: {model: demo/distiled, num_speculative_tokens: 0}}"),
        [
            "models.dense.engine.speculative_config.model: \"demo/distiled\" is not a demo checkpoint; did you mean demo/distilled? known: demo/dense, demo/dense-int4, demo/dense-int8, demo/distilled, demo/embedding, demo/moe",
            "models.dense.engine.speculative_config.num_speculative_tokens: 0 is not a whole number of at least 1",
        ],
    ),
    "speculation by nobody": (
        model("engine: {speculative_config: {num_speculative_tokens: 3}}"),
        [
            "models.dense.engine.speculative_config: says not who guesses: give `method: ngram`, or a model, as in {model: demo/distilled, num_speculative_tokens: 3}",
        ],
    ),
    "speculation of unknown depth": (
        model("engine: {speculative_config: {method: ngram}}"),
        [
            "models.dense.engine.speculative_config.num_speculative_tokens: is missing; 3 is usual",
        ],
    ),
    "speculation that is no section": (
        model("engine: {speculative_config: ngram}"),
        [
            "models.dense.engine.speculative_config: \"ngram\" is not a section such as {model: demo/distilled, num_speculative_tokens: 3}",
        ],
    ),
    "max below min": (
        model("replicas: {min: 3, max: 2, initial: 9}"),
        [
            "models.dense.replicas.max: 2 is less than min (3)",
        ],
    ),
    "initial above max": (
        model("replicas: {max: 2, initial: 3}"),
        [
            "models.dense.replicas.initial: 3 is greater than max (2)",
        ],
    ),
    "initial below min": (
        model("replicas: {max: 2, initial: 0}"),
        [
            "models.dense.replicas.initial: 0 is less than min (1)",
        ],
    ),
    "bounds of wrong types": (
        model("replicas: {min: -1, max: two, initial: 1.5}"),
        [
            "models.dense.replicas.initial: 1.5 is not a whole number",
            "models.dense.replicas.max: \"two\" is not a whole number",
            "models.dense.replicas.min: -1 is less than 0",
        ],
    ),
    "absurd bounds": (
        model("replicas: {min: true, max: 99999}"),
        [
            "models.dense.replicas.max: 99999 is greater than 10000",
            "models.dense.replicas.min: true is not a whole number",
        ],
    ),
    "a key nearly right": (
        model("replica: {min: 1}"),
        [
            "models.dense.replica: is not a known key; did you mean replicas? known: adapters, cost_per_hour, drain, engine, failover, family, max_waiting, media, price, priority, profile, replicas, resources, runtime, slo, source, stands_in_for, synthetic",
        ],
    ),
    "a key like no other": (
        model("zzz: 1"),
        [
            "models.dense.zzz: is not a known key; known: adapters, cost_per_hour, drain, engine, failover, family, max_waiting, media, price, priority, profile, replicas, resources, runtime, slo, source, stands_in_for, synthetic",
        ],
    ),
    "a closed set": (
        "models: {dense: {family: dens, source: '', runtime: vlm}}\n",
        [
            "models.dense.family: \"dens\" is not one of 'dense', 'moe', 'distilled' or 'pooling'",
            "models.dense.runtime: \"vlm\" is not one of 'vllm' or 'synthetic'",
            "models.dense.source: \"\" is empty",
        ],
    ),
    "nothing given": (
        "models: {dense: {}}\n",
        [
            "models.dense.family: is required",
            "models.dense.source: is required",
        ],
    ),
    "no models": (
        "models: {}\n",
        [
            "models: {} is empty",
        ],
    ),
    "an empty mapping": (
        "{}\n",
        [
            "models: is required",
        ],
    ),
    "models as a list": (
        "models: [1]\n",
        [
            "models: [1] is not a mapping",
        ],
    ),
    "models misspelt": (
        "modls: {}\n",
        [
            "modls: is not a known key; did you mean models? known: access, audit, autoscale, "
            "cache, cost, default, gateway, graph, models, objectives, telemetry, tenants",
            "models: is required",
        ],
    ),
    "keys that are not text": (
        "models: {1: {family: dense, source: demo/dense}}\n2: 3\n",
        [
            "models: the key 1 is not text; quote it",
            "the key 2 is not text; quote it",
        ],
    ),
    "a name unfit for a URL": (
        "models: {-x: {family: dense, source: demo/dense}}\ndefault: -x\n",
        [
            "models.-x: \"-x\" is not a name: up to 63 letters, digits, '.', '_' and '-', a letter or digit first",
        ],
    ),
    "engine arguments by name": (
        model("engine: {tensor_paralel_size: 2, xyzzy: 1, max-num-seqs: 4, model: x}"),
        [
            "models.dense.engine.max-num-seqs: is not an argument of vLLM's engine; did you mean max_num_seqs?",
            "models.dense.engine.model: is the pool's `source:`",
            "models.dense.engine.tensor_paralel_size: is not an argument of vLLM's engine; did you mean tensor_parallel_size?",
            "models.dense.engine.xyzzy: is not an argument of vLLM's engine; none of its arguments is like it",
        ],
    ),
    "engine arguments that change the text": (
        model("engine: {enforce_eager: true, compilation_config: {mode: 0}}"),
        [
            f"models.dense.engine.compilation_config: {CUSTOM_OPS}",
            f"models.dense.engine.enforce_eager: {EAGER}",
        ],
    ),
    "engine arguments that are no counts": (
        model("engine: {tensor_parallel_size: 0, max_num_seqs: lots, data_parallel_size: 2}"),
        [
            "models.dense.engine.data_parallel_size: is not 1; let replicas.max say how many copies of the model may run",
            "models.dense.engine.max_num_seqs: \"lots\" is not a whole number of at least 1",
            "models.dense.engine.tensor_parallel_size: 0 is not a whole number of at least 1",
        ],
    ),
    "engine arguments that are no JSON": (
        model("engine: {hf_overrides: {1: 2, a: .nan}}"),
        [
            "models.dense.engine.hf_overrides: the key 1 is not text; quote it",
            "models.dense.engine.hf_overrides.a: nan is not a finite number",
        ],
    ),
    "engine not a mapping": (
        model("engine: 3"),
        [
            "models.dense.engine: 3 is not a mapping",
        ],
    ),
    "GPUs that do not match the ranks": (
        model("engine: {tensor_parallel_size: 2}, resources: {gpus: 4}"),
        [
            "models.dense.resources.gpus: 4 is not tensor_parallel_size × pipeline_parallel_size (2 × 1 = 2)",
        ],
    ),
    "GPUs for a single rank": (
        model("resources: {gpus: 2}"),
        [
            "models.dense.resources.gpus: 2 is not from 0.01 to 1, which is what a single rank takes",
        ],
    ),
    "resources of wrong types": (
        model("resources: {memory: much, cpus: .inf, gpus: -1}"),
        [
            "models.dense.resources.cpus: inf is not a finite number",
            "models.dense.resources.gpus: -1 is less than 0",
            "models.dense.resources.memory: \"much\" is not a size such as 512MiB or 8MB",
        ],
    ),
    "more CPUs than a machine": (
        model("resources: {cpus: 64}"),
        [
            "models.dense.resources.cpus: a replica needs 64 CPU on one machine; there is 2",
        ],
    ),
    "more memory than a machine": (
        model("resources: {memory: 64GiB}"),
        [
            "models.dense.resources.memory: a replica needs 64.0 GiB on one machine; there is 24.0 GiB",
        ],
    ),
    "more memory than is left": (
        model("resources: {memory: 10GiB}, replicas: {min: 3, max: 4}"),
        [
            "models.dense.replicas.min: 3 × (0.25 CPU + 10.0 GiB) do not fit on 1 machine of 2 CPU, 0 GPU, 24.0 GiB: there is room for 2",
        ],
    ),
    "durations": (
        model("slo: {ttft_p95: fast, tpot_p95: -1}, drain: 5 parsecs"),
        [
            "models.dense.drain: \"5 parsecs\" is not a duration such as 80ms, 2s or 15m",
            "models.dense.slo.tpot_p95: -1 is less than 0; write a duration such as 80ms, 2s or 15m",
            "models.dense.slo.ttft_p95: \"fast\" is not a duration such as 80ms, 2s or 15m",
        ],
    ),
    "a synthetic engine's keys": (
        model("synthetic: {slots: 0, step: {base_mss: 3}}"),
        [
            "models.dense.synthetic.slots: 0 is less than 1",
            "models.dense.synthetic.step.base_mss: is not a known key; did you mean base_ms? known: base_ms, noise, per_kv_token_us, per_prefill_context_us, per_prefill_token_us, per_sequence_us",
        ],
    ),
    "sources": (
        "models: {a: {family: dense, source: demo/dens}, b: {family: moe, source: /no/where}, c: {family: moe, source: a b}}\ndefault: a\n",
        [
            "models.a.source: \"demo/dens\" is not a demo checkpoint; did you mean demo/dense? known: demo/dense, demo/dense-int4, demo/dense-int8, demo/distilled, demo/embedding, demo/moe",
            "models.b.source: \"/no/where\" is not there",
            "models.c.source: \"a b\" is neither a folder that holds a model nor a Hugging Face id such as org/name",
        ],
    ),
    "no obvious default": (
        PAIR,
        [
            "default: is required, since there is no 'auto' in the graph; known: dense, moe",
        ],
    ),
    "a default misspelt": (
        PAIR + "default: dens\n",
        [
            "default: \"dens\" is neither a model nor a graph node; did you mean dense? known: dense, moe",
        ],
    ),
    "a default of a wrong type": (
        PAIR + "default: 3\n",
        [
            "default: 3 is not text",
        ],
    ),
    "answers that cannot survive": (
        PAIR + """graph:
  a: {fallback: [dense, moe], timeout: {first_token: 9s, total: 5s}, on: [rejected, invalid_request], retry_budget: {share: 3}}
  b: {hedge: [dense], after: p100, at_most: 0%}
  c: {deadline: moe}
  d: {fallback: [dense, gone], breaker: {probe: 1}}
default: dense
""",
        [
            "graph.a.on[1]: \"invalid_request\" is no reason to move on: such a request is wrong everywhere",
            "graph.a.retry_budget.share: 3 is not a share between 0% and 100%, such as 5% or 0.05",
            "graph.a.timeout.first_token: 9 is not less than total (5 s), which leaves no time for another target",
            "graph.b.after: \"p100\" is neither a duration such as 800ms nor a quantile from p50 to p99",
            "graph.b.at_most: \"0%\" is not greater than 0",
            "graph.b.hedge: [\"dense\"] has one target; add a second, or the same again for another call in its pool",
            "graph.c: bounds nothing: set 'total', 'first_token' or both",
            "graph.d.breaker.probe: is not a known key; did you mean probes? known: calls, consecutive, enabled, open, probes, share, window",
            "graph.d.fallback[1]: \"gone\" is neither a model nor a graph node; known: a, b, c, d, dense, moe",
        ],
    ),
    "names in the graph": (
        PAIR + "graph: {auto: {fallback: [dens, moe]}, moe: {fallback: [dense]}, a b: {fallback: [moe]}}\n",
        [
            "graph.auto.fallback[0]: \"dens\" is neither a model nor a graph node; did you mean dense? known: a b, auto, dense, moe",
            "graph.moe: is also the name of a model; rename one",
            "graph[\"a b\"]: \"a b\" is not a name: up to 63 letters, digits, '.', '_' and '-', a letter or digit first",
        ],
    ),
    "a cycle": (
        PAIR + "graph: {auto: {fallback: [b]}, b: {fallback: [c]}, c: {fallback: [dense, auto]}}\n",
        [
            "graph.auto: leads back to itself: auto -> b -> c -> auto",
        ],
    ),
    "a node that is its own target": (
        PAIR + "graph: {auto: {fallback: [auto]}}\n",
        [
            "graph.auto: leads back to itself: auto -> auto",
        ],
    ),
    "kinds of nodes": (
        PAIR + "graph: {auto: {fallbak: [dense]}, b: {}, c: {switch: [{to: dense}], fallback: [moe]}}\n",
        [
            f"graph.auto.fallbak: is not a kind of node; did you mean fallback? known: {', '.join(sorted(KINDS))}",
            f"graph.b: {{}} is not a graph node; write a kind as its key: {', '.join(sorted(KINDS))}",
            "graph.c: {\"switch\": [{\"to\": \"dense\"}], \"fallback\": [\"moe\"]} has 2 kinds: switch, fallback; keep one",
        ],
    ),
    "a dangling name in a broken node": (
        PAIR + "graph: {auto: {switch: [{to: dens}, {to: moe, when: {complexity: {below: 2}}}]}}\n",
        [
            "graph.auto.switch[0].to: \"dens\" is neither a model nor a graph node; did you mean dense? known: auto, dense, moe",
            "graph.auto.switch[1].when.complexity.below: 2 is greater than 1",
        ],
    ),
    "the gateway": (
        model("") + "gateway: {port: 99999, hots: x, max_body: 1 elephant, replicas: 0}\n",
        [
            "gateway.hots: is not a known key; did you mean host? known: admin, host, max_body, port, remote_hosts, replicas, request_timeout",
            "gateway.max_body: \"1 elephant\" is not a size such as 512MiB or 8MB",
            "gateway.port: 99999 is greater than 65535",
            "gateway.replicas: 0 is less than 1",
        ],
    ),
    "the autoscaler": (
        model("") + "autoscale: {mode: on, interval: 0, holds: {}}\n",
        [
            "autoscale.holds: is not a known key; did you mean hold? known: approval, arbiter, brown_out, cost_ceiling_per_hour, gpus, hold, interval, inventory, machines, mode, policy, pools, queue, stale_after, step",
            "autoscale.interval: 0 is less than 0.1",
            "autoscale.mode: \"on\" is not one of 'active', 'advise' or 'approve'",
        ],
    ),
    "scaling policies": (
        model("") + """\
autoscale:
  policy: {max: [quue, {hold-down: {window: 60s, of: {kv: {target: 160%}}}}]}
  pools:
    dens: {policy: queue}
    dense: {policy: {cost-ceiling: {of: queue}, queue: {}}}
""",
        [
            "autoscale.policy.max[0]: \"quue\" is not a kind of policy; did you mean queue? known: bounds, cost-ceiling, error-budget, forecast, hold-down, hold-up, kv, max, ongoing-requests, python, queue, queue-drain, schedule, sla, step-limit",
            "autoscale.policy.max[1].hold-down.of.kv.target: \"160%\" is not a share between 0% and 100%, such as 5% or 0.05",
            "autoscale.pools.dens: \"dens\" is not a model that engines here serve; did you mean dense? known: dense",
            "autoscale.pools.dense.policy: {\"cost-ceiling\": {\"of\": \"queue\"}, \"queue\": {}} has 2 kinds: cost-ceiling, queue; keep one",
        ],
    ),
    "half a character where a schema looks": (
        'models:\n  dense: {family: dense, source: "demo/\\udc00"}\n',
        [r"models.dense.source: holds \udc00, which is half a character; write the character itself"],
    ),
    "half a character": (
        model("") + 'graph:\n  auto: {switch: [{when: {header: {"x-\\ud83d": ["\\ud800"]}}, to: dense}, {to: dense}]}\n',
        [
            r"graph.auto.switch[0].when.header: holds \ud83d, which is half a character; write the character itself",
            'graph.auto.switch[0].when.header["x- "][0]: holds \\ud800, which is half a character; write the character itself',
        ],
    ),
    "a key written twice": (
        "models:\n  dense: {family: dense, source: demo/dense}\n  dense: {family: moe, source: demo/dense}\n",
        [
            "models.dense: is written twice, in lines 2 and 3; keep one",
        ],
    ),
    "YAML that does not end": (
        "models:\n  dense: {family: dense\n",
        [
            "config:3:1: is not YAML: while parsing a flow mapping, expected ',' or '}', but got '<stream end>'",
        ],
    ),
    "an empty file": (
        "",
        [
            "config: is empty; it needs at least 'models'",
        ],
    ),
    "a list": (
        "- a\n",
        [
            "config: [\"a\"] is not a mapping; write 'models:' at the top level",
        ],
    ),
    "everything at once": (
        """\
models:
  dense: {family: dense, source: demo/dense, replicas: {min: 2, max: 1}, engine: {nope_x: 1}, extra: 1}
  moe: 3
graph: {auto: {fallback: [nix]}}
default: nax
autoscale: {mode: sleepy}
""",
        [
            "models.dense.engine.nope_x: is not an argument of vLLM's engine; none of its arguments is like it",
            "models.dense.extra: is not a known key; known: adapters, cost_per_hour, drain, engine, failover, family, max_waiting, media, price, priority, profile, replicas, resources, runtime, slo, source, stands_in_for, synthetic",
            "models.dense.replicas.max: 1 is less than min (2)",
            "models.moe: 3 is not a mapping",
            "graph.auto.fallback[0]: \"nix\" is neither a model nor a graph node; known: auto, dense, moe",
            "default: \"nax\" is neither a model nor a graph node; known: auto, dense, moe",
            "autoscale.mode: \"sleepy\" is not one of 'active', 'advise' or 'approve'",
        ],
    ),
}
# fmt: on


def lines(text, nodes=LAPTOP):
    """Return what is printed about *text*."""
    raw, found = parse(text, "config")
    result = list(found) if found and not raw else resolve(raw, nodes, found=found, look=look)
    assert isinstance(result, list), "no problem was found"
    return [str(problem) for problem in result]


@pytest.mark.parametrize("name", BAD)
def test_names_path_rule_and_value(name):
    """Every problem of a document is told at once, each with its path, the rule and the value."""
    text, expected = BAD[name]
    assert lines(text) == expected


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        (
            "engine: {tensor_parallel_size: 16}",
            "models.dense.engine.tensor_parallel_size: a replica needs 16 GPU on one machine; there is 8",
        ),
        (
            "engine: {tensor_parallel_size: 8, pipeline_parallel_size: 5}",
            "models.dense.engine.pipeline_parallel_size: a replica needs 40 GPU; there is 32 in all",
        ),
        (
            "engine: {tensor_parallel_size: 8}, replicas: {min: 5, max: 6}",
            "models.dense.replicas.min: 5 × (8 GPU + 8 CPU) do not fit on 4 machines of 96 CPU, 8 GPU, 1024.0 GiB: "
            "there is room for 4",
        ),
        (
            "resources: {gpus: 0.6}, replicas: {min: 33, max: 70}",
            "models.dense.replicas.min: 33 × (0.6 GPU + 1 CPU) do not fit on 4 machines of 96 CPU, 8 GPU, 1024.0 GiB: "
            "there is room for 32",
        ),
    ],
)
def test_says_what_a_gpu_cluster_lacks(rest, expected):
    """A pool that cannot be placed on four machines with eight GPUs says what it needs and what there is."""
    assert lines(model(rest), (machine(),) * 4) == [expected]


@pytest.mark.parametrize(
    "text",
    [
        "a: " + "[" * 5_000,
        "a: &a [*a]",
        "a: &a {b: *a}",
        "a: !!python/object/apply:os.system [true]",
        "a: !!binary aGk=",
        "a: \x00",
        "a: 'x",
        "{a: 1}: 2",
        "a: 1\n---\nb: 2",
        "a: *nowhere",
        "a: " + "9" * 5_000,
        "\t- a",
        "a: &a [x, x]\n"
        + "".join(f"b{at}: &b{at} [*{was}, *{was}]\n" for at, was in enumerate(["a", *(f"b{i}" for i in range(39))])),
    ],
)
def test_hostile_yaml_is_one_problem(text):
    """Text that a parser chokes on is told as one line, quickly and without a trace."""
    raw, found = parse(text, "config")
    assert raw == {}
    assert len(found) == 1
    assert "\n" not in str(found[0])


def test_reads_words_that_older_yaml_takes_for_something_else():
    """``no`` and ``on`` are words, 22:00 is not a number, 1e-4 is one and 010 is ten."""
    raw, found = parse("{a: no, b: on, c: 22:00, d: 1e-4, e: 010, f: 2026-01-31, g: true, h: ~, i: 0x1f}", "config")
    assert not found
    assert raw == {
        "a": "no", "b": "on", "c": "22:00", "d": 1e-4, "e": 10, "f": "2026-01-31", "g": True, "h": None, "i": 31,
    }  # fmt: skip


def test_a_name_cannot_write_to_the_terminal():
    """Escape sequences, line breaks and lone surrogates of a document are not printed as they are."""
    told = lines('models: {"a\\e[31m\\nb": {family: dense, source: "\\ud800"}}\ndefault: nobody\n')
    assert len(told) == 3
    assert all(line.isprintable() for line in told)
