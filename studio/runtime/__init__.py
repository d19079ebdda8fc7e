"""The processes of one installation: embedded database, web, worker and scheduler. Imports no Django."""
