"""A typed client of the Imports API in twenty lines. Run it: python examples/client.py KEY examples/contacts.csv."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests


@dataclass(frozen=True)
class Imports:
    """The imports of one organization."""

    key: str
    url: str = "http://127.0.0.1:8000"

    def send(self, path: Path, resource: str = "contact", **options: str) -> dict[str, Any]:
        """Import a file and give the import; raises ``requests.HTTPError`` with the reason when it is refused."""
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
    import_ = Imports(sys.argv[1]).send(Path(sys.argv[2]), mode="sync")
    print(import_["id"], import_["status"], import_["stats"])
