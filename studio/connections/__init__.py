"""Connections as a team's admins see and keep them: how they do, what a test shows, adding and changing them."""
