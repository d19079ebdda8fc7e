"""Teams, their members and roles, and the one door to what a team owns."""
