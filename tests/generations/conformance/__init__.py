"""What holds for a whole generation with every protocol, told by the team, the database and the provider's till."""
