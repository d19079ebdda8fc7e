"""The invariants of the whole product and the command that checks them."""
