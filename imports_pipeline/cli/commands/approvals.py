"""The commands ``approve`` and ``reject``: what is done about an import that a guard has refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from imports_pipeline.cli import arguments as a

if TYPE_CHECKING:
    from imports_pipeline.workflow.import_workflow import ImportWorkflow

_Refused = Annotated[str, typer.Argument(metavar="ID", help="The id of the refused import.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands to the Typer application."""
    app.command()(approve)
    app.command()(reject)


def approve(
    import_id: _Refused,
    max_deletions: Annotated[
        int | None,
        typer.Option(min=0, help="Approve up to this many removals. Without it: those in the refused plan."),
    ] = None,
    plan_checksum: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            help="The plan_checksum of the plan that you have seen (show --json). Without it: that of the import.",
        ),
    ] = None,
    as_json: a.AsJson = False,
) -> None:
    """Approve the plan of an import that a guard has refused: import its stored file again, if it does just that."""
    from imports_pipeline.cli.commands.imports import find, finish, user
    from imports_pipeline.cli.interruption import report_interruption
    from imports_pipeline.cli.session import session, stop
    from imports_pipeline.model.option_values import InvalidOption

    with report_interruption(), session(create=False) as workflow:
        from imports_pipeline.workflow.approval import request_approval

        refused = find(workflow, import_id)
        try:
            with workflow.database.connect() as connection:
                import_ = request_approval(
                    connection,
                    workflow.store,
                    refused,
                    max_deletions=max_deletions,
                    source="cli",
                    approved_by=user(),
                    plan_checksum=plan_checksum,
                    four_eyes=workflow.settings.four_eyes,
                )
        except InvalidOption as error:
            stop(str(error))
        finish(workflow, import_, wait=True, as_json=as_json)


def reject(
    import_id: _Refused,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why the records are not to go.")],
    as_json: a.AsJson = False,
) -> None:
    """Record that an import that a guard has refused is not to be approved, and why."""
    from imports_pipeline.cli.session import session, stop
    from imports_pipeline.model.option_values import InvalidOption, check_text

    if not reason.strip():
        stop("--reason: say why the records are not to go.", 2)
    with session(create=False) as workflow:
        try:
            check_text("--reason", reason)
            _reject(workflow, import_id, reason, as_json=as_json)
        except InvalidOption as error:
            stop(str(error))


def _reject(workflow: ImportWorkflow, import_id: str, reason: str, *, as_json: bool) -> None:
    from imports_pipeline.cli.commands.imports import find, show, user
    from imports_pipeline.workflow.decisions.rejection import reject as reject_import

    refused = find(workflow, import_id)
    with workflow.database.connect() as connection:
        import_ = reject_import(connection, refused, reason=reason, rejected_by=user())
    show(workflow, import_, as_json=as_json)
