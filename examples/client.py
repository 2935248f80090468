"""A typed client of the Imports API in thirty lines. Run it: python examples/client.py KEY examples/contacts.csv [URL].

It ends with exit status 1 and the reason when the import was refused or failed, and says when rows were rejected.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests


@dataclass(frozen=True)
class Imports:
    """A client for the imports of one organization."""

    key: str
    url: str = "http://127.0.0.1:8000"

    def send(self, path: Path, resource: str = "contact", **options: str) -> dict[str, Any]:
        """Import a file and return the import; raises ``requests.HTTPError`` with the reason if it failed."""
        with path.open("rb") as file:
            answer = requests.post(
                f"{self.url}/v1/imports",
                headers={"X-API-KEY": self.key},
                data={"resource": resource, **options},
                files={"file": (path.name, file)},
                timeout=300,
            )
        body = answer.json()
        if body["status"] != "success":
            raise requests.HTTPError(f"{body['code']}: {body['message']}", response=answer)
        return dict(body["data"])


if __name__ == "__main__":
    key, file_name, *url = sys.argv[1:]
    try:
        import_ = Imports(key, *url).send(Path(file_name), mode="sync")
    except requests.RequestException as error:
        sys.exit(f"The file was not imported. {error}")
    print(import_["id"], import_["status"], import_["stats"])
    if rejected := import_["stats"]["rejected"]:
        print(f"Rejected rows: {rejected}. Correct them in the errors file, and send that.", file=sys.stderr)
