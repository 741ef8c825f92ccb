"""The command line: what `gossim` does with its arguments, and how it ends."""

from __future__ import annotations

import io
import os
import signal
import sys

import typer

from ..errors import InputError, RunError, printable
from ..files.atomic import ENDING
from .calibrate import calibrate
from .import_ import import_
from .joined import followed
from .lab import lab
from .list_ import list_
from .merge import merge
from .options import INTERRUPTED, new_console
from .plot import plot
from .report import report
from .run import run
from .sweep import sweep
from .trace import trace
from .tune import tune
from .validate import validate
from .weights import weights

app = typer.Typer(
    help="Simulate distributed SGD by gossip or in synchronous rounds, when workers are slow and networks take time.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
for command in (run, sweep, merge, tune, validate, list_, plot, report, lab, trace, weights, import_, calibrate):
    app.command(command.__name__.strip("_"))(command)


def _tell(word: str, error: Exception | None = None) -> None:
    """Print what went wrong on the standard error stream."""
    from rich.markup import escape

    text = f"{word} {escape(printable(str(error)))}" if error else word
    new_console(stderr=True, soft_wrap=True, highlight=False).print(text)


def main() -> None:
    """Run the `gossim` command. Exit status 0: done; 1: the run failed; 2: bad input; 130: interrupted."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # names need not be in the locale's characters, nor paths in any
            stream.reconfigure(errors="backslashreplace")
    for number in ENDING:  # a request to end, or a closed terminal, acts like Ctrl-C
        if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
            signal.signal(number, signal.default_int_handler)
    try:
        if followed(sys.argv[1:]):
            return
        app()
    except InputError as error:
        _tell("[bold red]error:[/]", error)
        sys.exit(2)
    except RunError as error:
        _tell("[bold red]failed:[/]", error)
        sys.exit(1)
    except (KeyboardInterrupt, typer.Abort):
        _tell("[bold]interrupted[/]")
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # The reader of our output has gone, as `head` does; nothing may be written when Python closes it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        _tell("[bold red]failed:[/]", error)
        sys.exit(1)


if __name__ == "__main__":
    main()
