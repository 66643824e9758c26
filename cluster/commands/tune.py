"""``tercet tune``: the options of a policy that hold an SLO on recorded traffic for the least GPU-hours or cost."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Annotated

import typer
import yaml
from rich.console import Console
from rich.progress import Progress

from cluster.commands import simulation_options as options
from cluster.commands.simulation_options import asked_or_exit, duration, timed_or_refused, told

if TYPE_CHECKING:
    from autoscale.backtest.trial import Trial
    from autoscale.backtest.tuning import Tried
    from autoscale.policies.kind import PolicySpec
    from autoscale.policy import Policy
    from autoscale.spec import AutoscaleSpec


def tune(
    config: options.Document,
    trace: options.Traces,
    policy: Annotated[str | None, typer.Option(help="A kind of policy; else the document's.")] = None,
    profile: options.Profiles = None,
    lengths: options.LengthFiles = None,
    scale: options.Scale = 1.0,
    began: options.Began = None,
    cold_start: options.ColdStart = None,
    slo: options.Slo = 0.999,
    interval: options.Interval = 5.0,
    until: Annotated[
        float, typer.Option(parser=duration, metavar="DURATION", help="Tune on the trace up to here, such as 3d.")
    ] = math.inf,
    check_until: Annotated[
        float | None,
        typer.Option(
            parser=duration, metavar="DURATION", help="Check on the trace from --until up to here; else to its end."
        ),
    ] = None,
    tries: Annotated[int, typer.Option(min=1, max=10_000, help="How many settings at most.")] = 60,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Search a policy's options for the least GPU-hours, or cost without GPUs, at an SLO, and print them as YAML."""
    asked = asked_or_exit("tune", config, trace, profile, lengths, scale, cold_start, 0.0, interval, began)
    with told("tune"):
        from autoscale.backtest.entrants import named  # noqa: PLC0415  # not for every command
        from autoscale.policies.grammar import dump  # noqa: PLC0415

        (entrant,) = named([policy or "config"], asked.config.autoscale)
        timed_or_refused(asked, [entrant])
        spec = entrant.spec
        if spec is None:
            raise ValueError(f"{policy} is a peer, which `tercet backtest --tuned` tunes; name a kind of policy")
        tried = _search(asked.trial(0.0, until), spec, slo, tries)
        found = min(tried, key=lambda one: one.rank(slo))
        checked = None
        if until < math.inf:
            trial = asked.trial(until, math.inf if check_until is None else check_until)
            checked = trial.figures(trial.run(_built(spec, found.setting)))
    dumped = {"autoscale": {"policy": dump(found.setting)}}
    if as_json:
        before = tried[0].figures
        figures = {"before": before, "tuned": found.figures, **({"checked": checked} if checked else {})}
        told_figures = {name: {"slo": one.slo, "replica_hours": one.replica_hours} for name, one in figures.items()}
        print(json.dumps({**dumped, "tried": len(tried), **told_figures}, indent=2))
        return
    _comment(f"{len(tried)} settings tried, simulated; target {slo:.3%}")
    _comment(f"before: {_told(tried[0])}")
    _comment(f"tuned:  {_told(found)}")
    if checked is not None:
        _comment(f"on traffic that it was not tuned on: {checked.slo:.3%}, {checked.replica_hours:.1f} replica-hours")
    if found.figures.slo < slo:
        _comment("no setting tried holds the target; this one comes nearest")
    print(yaml.safe_dump(dumped, sort_keys=False, allow_unicode=True), end="")


def _search(trial: Trial, spec: AutoscaleSpec, share: float, tries: int) -> tuple[Tried[PolicySpec], ...]:
    from autoscale.backtest.figures import Figures  # noqa: PLC0415
    from autoscale.backtest.tuning import descend  # noqa: PLC0415

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task("trying settings", total=tries)

        def judge(setting: PolicySpec) -> Figures:
            figures = trial.figures(trial.run(_built(spec, setting)))
            progress.update(bar, advance=1, description=f"{figures.slo:.3%}, {figures.replica_hours:.1f} replica-hours")
            return figures

        return descend(spec.policy, judge, share, tries)


def _built(spec: AutoscaleSpec, setting: PolicySpec) -> Policy:
    from autoscale.policies.compose import compose  # noqa: PLC0415
    from autoscale.sim.knee import SIMULATED  # noqa: PLC0415

    return compose(spec.model_copy(update={"policy": setting}), SIMULATED)


def _told(tried: Tried[PolicySpec]) -> str:
    return f"{tried.figures.slo:.3%}, {tried.figures.replica_hours:.1f} replica-hours"


def _comment(line: str) -> None:
    print(f"# {line}")
