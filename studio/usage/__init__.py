"""Usage records: what each delivered output was and what it cost."""
