"""The requests of Dagster's pages that grow with the history, in GraphQL."""

from __future__ import annotations

from typing import Final

REQUESTS: Final = {
    "page request: runs by a tag": """
        { runsOrError(filter: {tags: [{key: "org", value: "org-0000"}]}, limit: 25) {
            __typename ... on Runs { results { runId status startTime endTime tags { key value } } } } }
    """,
    "page request: newest runs": """
        { runsOrError(limit: 25) {
            __typename ... on Runs { results { runId status startTime endTime tags { key value } } } } }
    """,
    "page request: 25 materializations": """
        { assetOrError(assetKey: {path: ["contacts"]}) { __typename ... on Asset { assetMaterializations(limit: 25) {
            runId timestamp metadataEntries { label ... on IntMetadataEntry { intValue } } } } } }
    """,
    "page request: checks of an asset": """
        { assetNodeOrError(assetKey: {path: ["contact_batches"]}) { __typename ... on AssetNode {
            assetChecksOrError { __typename ... on AssetChecks { checks { name executionForLatestMaterialization {
                runId status evaluation { description } } } } } } } }
    """,
    "page request: ticks of a sensor": """
        { sensorOrError(sensorSelector: {repositoryName: "__repository__", sensorName: "uploads",
            repositoryLocationName: "imports_pipeline"}) { __typename ... on Sensor { sensorState {
                ticks(limit: 25) { id status timestamp endTimestamp } } } } }
    """,
}
