"""Adapters between the rooms and what the API door asks for (`gateway.api.ports`)."""
