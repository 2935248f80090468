"""The file store: one interface for a local folder and S3, signed URLs, and retry of requests."""
