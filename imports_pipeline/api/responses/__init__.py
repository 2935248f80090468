"""Parts of responses: the envelope, objects, pages of lists, and the models of the OpenAPI document."""
