"""People: users who sign in by e-mail address."""
