"""The first run: operator, team, starting credits and a rehearsal connection."""
