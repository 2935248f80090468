"""What the phases and the batch engine share to speak with PostgreSQL in columns: COPY both ways."""
