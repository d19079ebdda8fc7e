"""Pictures handed over: archives with a frozen list that leave without a second copy, and can be resumed."""
