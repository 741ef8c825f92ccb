"""Publishes the JSON schema of the scenario file as `scenario.schema.json`, at the top of the site."""

import json

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from gossim.scenario.json_schema import json_schema


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    written = json.dumps(json_schema(), indent=1, ensure_ascii=False) + "\n"
    files.append(File.generated(config, "scenario.schema.json", content=written))
    return files
