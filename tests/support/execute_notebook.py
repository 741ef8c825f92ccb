"""python tests/support/execute_notebook.py NOTEBOOK: run all its cells, top to bottom, in the directory where it lies.

Nothing is written. Exit status 1, with the cell and its traceback on stderr, at the first error. The kernel is that of
the Python that runs this file, whatever kernels are installed besides. A process of its own, for Jupyter's own warnings
are not ours.
"""

from __future__ import annotations

import sys
from pathlib import Path

import nbformat
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

CELL_TIMEOUT_S = 300


def execute(path: Path) -> nbformat.NotebookNode:
    """The notebook with its outputs. Raises CellExecutionError."""
    notebook = nbformat.read(path, as_version=4)
    # In no folder is there a kernel to be found, so it is ipykernel's own, run by sys.executable.
    kernel = AsyncKernelManager(kernel_name="python3", kernel_spec_manager=KernelSpecManager(kernel_dirs=[]))
    where = {"metadata": {"path": str(path.parent)}}
    return NotebookClient(notebook, km=kernel, timeout=CELL_TIMEOUT_S, resources=where).execute()


if __name__ == "__main__":
    try:
        execute(Path(sys.argv[1]).resolve())
    except CellExecutionError as error:
        sys.exit(str(error))
