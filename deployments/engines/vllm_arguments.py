"""Turn a pool's engine arguments into vLLM's own, and write down their names for those who cannot import vllm."""

from __future__ import annotations

import dataclasses
import json
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from vllm.engine.arg_utils import AsyncEngineArgs
from vllm.entrypoints.launchers.cli_args import BaseFrontendArgs, make_arg_parser, validate_parsed_serve_args
from vllm.utils.argparse_utils import FlexibleArgumentParser

from deployments.engines.engine_arguments import LIST, as_flags


class _Parser(FlexibleArgumentParser):  # type: ignore[misc]
    def error(self, message: str) -> NoReturn:
        """Raise instead of ending the process."""
        raise ValueError(message)


def names() -> list[str]:
    """List every argument of vLLM's engine and of its serving layer (chat templates, tool parsers)."""
    fields = (*dataclasses.fields(AsyncEngineArgs), *dataclasses.fields(BaseFrontendArgs))
    return sorted({field.name for field in fields if not field.name.startswith("_")})


def parse(name: str, checkpoint: str, arguments: Mapping[str, Any]) -> Namespace:
    """Return the namespace that vLLM's server would have for *arguments*; raises ValueError or TypeError."""
    parsed = make_arg_parser(_Parser()).parse_args([f"--model={checkpoint}", *as_flags(arguments)])
    parsed.served_model_name = [name]
    validate_parsed_serve_args(parsed)
    return parsed  # type: ignore[no-any-return]


if __name__ == "__main__":
    Path(__file__).with_name(LIST).write_text(json.dumps(names(), indent=1) + "\n", encoding="utf-8")
