"""django-import-export in bulk mode: a ``ModelResource`` on the external id, 1,000 rows in each statement.

    python -m benchmarks.peers.django_bulk CASE URL FILE…

It reads the whole file into memory and works row by row in Python; it is measured at ten thousand rows.
"""

from __future__ import annotations

import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

import django
import tablib
from django.conf import settings


def main(case: str, url: str, paths: list[str]) -> None:
    """Load the files. With ``prepare`` as the case, only create the table."""
    parts = urlsplit(url)
    settings.configure(
        INSTALLED_APPS=["import_export"],
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.postgresql",
                "NAME": parts.path.lstrip("/"),
                "USER": parts.username,
                "PASSWORD": unquote(parts.password or ""),
                "HOST": parts.hostname,
                "PORT": parts.port,
            }
        },
        USE_TZ=True,
    )
    django.setup()
    from django.db import connection, models
    from import_export import fields, resources

    class Contact(models.Model):
        name = models.CharField(max_length=255)
        email = models.EmailField(null=True, db_index=True)
        phone = models.TextField(null=True)
        address = models.TextField(null=True)
        external_id = models.CharField(max_length=255, unique=True)
        notes = models.TextField(null=True)
        is_primary = models.BooleanField(null=True)
        id_number = models.TextField(null=True)
        unit = models.TextField(null=True)
        work = models.TextField(null=True)

        class Meta:
            app_label = "contacts"
            db_table = "django_contacts"

    class ContactResource(resources.ModelResource):
        unit = fields.Field(attribute="unit", column_name="metadata.unit")
        work = fields.Field(attribute="work", column_name="alternate_emails.work")

        class Meta:
            model = Contact
            import_id_fields = ("external_id",)
            exclude = ("id",)
            use_bulk = True
            batch_size = 1000
            skip_unchanged = True
            skip_diff = True
            report_skipped = False

    if case == "prepare":
        with connection.schema_editor() as editor:
            editor.create_model(Contact)
        return
    for path in paths:
        data = tablib.Dataset().load(Path(path).read_text(encoding="utf-8"), format="csv")
        result = ContactResource().import_data(data, raise_errors=True, use_transactions=True)
        if result.has_errors():
            raise SystemExit("django-import-export reports errors")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
